package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/httpapi"
	"github.com/studycall/studycall/pacing"
)

const (
	byNextAuth = "nextauth"
	byDev      = "dev"
	// shortSecret is the recommended minimum length of a secret in bytes. `openssl rand -base64 32`, which NextAuth's manual
	// recommends, makes 44.
	shortSecret = 16
	// longestBurst keeps the arithmetic of rates far from an overflow.
	longestBurst = 1_000_000
)

// signInFlags configure sign-in.
type signInFlags struct {
	Auth           string `env:"STUDYCALL_AUTH" placeholder:"HOW" help:"How callers sign in. nextauth: with the web app's session cookie or token. dev: with the header X-User-Id, which is trusted; only on loopback and without a secret. Empty: nextauth if a secret is set, else dev."`
	NextAuthSecret string `name:"nextauth-secret" env:"NEXTAUTH_SECRET,AUTH_SECRET" placeholder:"SECRET" help:"The web app's secret; several are separated by commas, newest first. Prefer a variable (NextAuth's, or Auth.js 5's): other users of the machine can see a process's flags."`
	SessionCookie  string `env:"STUDYCALL_SESSION_COOKIE" placeholder:"NAME" help:"An additional name of the session cookie, tried before NextAuth's."`
}

// method returns how callers sign in. All errors are usage errors, and none contains a secret. The address to listen on
// matters, because development sign-in is limited to loopback.
func (f signInFlags) method(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usageErrorf("--listen %q is not an address like 127.0.0.1:8080", listen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", usageErrorf("--listen %q has no port from 0 to 65535, as 127.0.0.1:8080 has", listen)
	}
	// The variables count even if the flag overrides them: their presence shows that this is no development machine.
	secret := f.NextAuthSecret != "" || os.Getenv("NEXTAUTH_SECRET") != "" || os.Getenv("AUTH_SECRET") != ""
	switch {
	case f.Auth != "" && f.Auth != byNextAuth && f.Auth != byDev:
		return "", usageErrorf("--auth must be one of nextauth, dev, not %q", f.Auth)
	case f.Auth == byNextAuth && !secret:
		return "", usageErrorf("--auth=nextauth needs the web app's secret: set NEXTAUTH_SECRET or --nextauth-secret")
	case f.Auth == byDev && secret:
		return "", usageErrorf("--auth=dev trusts any user id that a caller sends, but NEXTAUTH_SECRET or AUTH_SECRET shows that this is not development; unset the secret, or --auth")
	case secret:
		return byNextAuth, nil
	case !auth.Loopback(host):
		return "", usageErrorf("--auth=dev trusts any user id that a caller sends: it listens on loopback only, such as 127.0.0.1:8080, not on %q; for real sign-in, set NEXTAUTH_SECRET", listen)
	default:
		return byDev, nil
	}
}

// authenticator returns the authenticator of the method. Errors are those of method.
func (f signInFlags) authenticator(listen string) (auth.Authenticator, error) {
	method, err := f.method(listen)
	if err != nil {
		return nil, err
	}
	if f.SessionCookie != "" {
		if err := auth.CheckCookieName(f.SessionCookie); err != nil {
			return nil, usageErrorf("--session-cookie: %w", err)
		}
	}
	if method == byDev {
		return auth.Dev{}, nil
	}
	secrets, err := auth.ParseSecrets(f.NextAuthSecret)
	if other := os.Getenv("AUTH_SECRET"); err == nil && f.NextAuthSecret == os.Getenv("NEXTAUTH_SECRET") &&
		other != "" && other != f.NextAuthSecret && !slices.Contains(secrets, other) {
		return nil, usageErrorf("NEXTAUTH_SECRET and AUTH_SECRET are different secrets: unset the one that the web app does not use, or set NEXTAUTH_SECRET to both, separated by a comma")
	}
	if err != nil {
		return nil, usageErrorf("--nextauth-secret (NEXTAUTH_SECRET): %w", err)
	}
	return auth.NewNextAuth(secrets, f.SessionCookie, time.Now)
}

// log writes how callers sign in, and the weaknesses of the configuration.
func (f signInFlags) log(log *slog.Logger) {
	if f.NextAuthSecret == "" {
		log.Warn("development sign-in: the header X-User-Id is trusted, on loopback only")
		return
	}
	secrets := strings.Split(f.NextAuthSecret, ",")
	log.Info("callers sign in with the web app's NextAuth sessions", "secrets", len(secrets))
	for i, secret := range secrets {
		if len(secret) < shortSecret {
			log.Warn("a secret is short: a guess of it allows sign-in as any user", "place", i+1, "bytes", len(secret), "advised", shortSecret)
		}
	}
}

// edgeFlags configure the checks of requests besides sign-in.
type edgeFlags struct {
	AllowedOrigins   originList  `env:"ALLOWED_ORIGINS" placeholder:"ORIGINS" help:"The web app's origins, separated by commas, such as https://app.example.com: their pages may send requests with cookies, also from another site."`
	TrustedProxies   networkList `env:"STUDYCALL_TRUSTED_PROXIES" placeholder:"NETWORKS" help:"Proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted, separated by commas, such as 10.0.0.0/8. None by default."`
	RateLimit        float64     `env:"STUDYCALL_RATE_LIMIT" default:"50" placeholder:"N" help:"Requests per second and user on this server, in the long run (${default}); 0: no limit."`
	RateBurst        int         `env:"STUDYCALL_RATE_BURST" default:"200" placeholder:"N" help:"Requests that a user may send at once (${default})."`
	AddressRateLimit float64     `env:"STUDYCALL_ADDRESS_RATE_LIMIT" default:"500" placeholder:"N" help:"Requests per second and client address, with or without sign-in (${default}); 0: no limit. Whole schools share an address."`
	AddressRateBurst int         `env:"STUDYCALL_ADDRESS_RATE_BURST" default:"2000" placeholder:"N" help:"Requests that a client address may send at once (${default})."`
}

// check refuses invalid rates.
func (f edgeFlags) check() error {
	for _, rate := range []struct {
		name  string
		limit float64
		burst int
	}{{"rate", f.RateLimit, f.RateBurst}, {"address-rate", f.AddressRateLimit, f.AddressRateBurst}} {
		if rate.limit != 0 && (!(rate.limit >= 0.001) || math.IsInf(rate.limit, 0)) {
			return usageErrorf("--%s-limit must be 0 or at least 0.001 a second, not %v", rate.name, rate.limit)
		}
		if rate.burst < 1 || rate.burst > longestBurst {
			return usageErrorf("--%s-burst must be from 1 to %d, not %d", rate.name, longestBurst, rate.burst)
		}
	}
	return nil
}

// security returns the settings of the HTTP edge.
func (f edgeFlags) security(callers auth.Authenticator) httpapi.Security {
	security := httpapi.Security{
		Origins:    f.AllowedOrigins.Origins,
		Proxies:    f.TrustedProxies,
		PerUser:    pacing.Rate{PerSecond: f.RateLimit, Burst: f.RateBurst},
		PerAddress: pacing.Rate{PerSecond: f.AddressRateLimit, Burst: f.AddressRateBurst},
	}
	if _, dev := callers.(auth.Dev); dev {
		security.IdentityHeader = auth.DevHeader
	}
	return security
}

// originList is a flag with a list of web origins.
type originList struct{ *auth.Origins }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *originList) UnmarshalText(text []byte) (err error) {
	l.Origins, err = auth.ParseOrigins(string(text))
	return err
}

// networkList is a flag with a list of networks.
type networkList []netip.Prefix

// UnmarshalText implements encoding.TextUnmarshaler. A single address is the network of that address.
func (l *networkList) UnmarshalText(text []byte) error {
	*l = nil
	if strings.TrimSpace(string(text)) == "" {
		return nil
	}
	for each := range strings.SplitSeq(string(text), ",") {
		network, err := parseNetwork(strings.TrimSpace(each))
		if err != nil {
			return err
		}
		*l = append(*l, network)
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil || network.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is not a network like 10.0.0.0/8 or an address", text)
	case network.Bits() == 0:
		return netip.Prefix{}, errors.New(text + " includes every address: every client could then set its own address")
	case network.Masked() != network:
		return netip.Prefix{}, fmt.Errorf("%q is an address in %v: write the network", text, network.Masked())
	default:
		return network, nil
	}
}
