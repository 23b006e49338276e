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
)

const (
	byNextAuth = "nextauth"
	byDev      = "dev"
	// shortSecret is how many bytes a secret should have at least; `openssl rand -base64 32`, which NextAuth's manual
	// gives, makes 44.
	shortSecret = 16
	// longestBurst keeps the arithmetic of rates far from its bounds.
	longestBurst = 1_000_000
)

// signInFlags say how callers prove who they are.
type signInFlags struct {
	Auth           string `env:"STUDYCALL_AUTH" placeholder:"HOW" help:"How callers say who they are. nextauth: by the web app's session cookie or token. dev: the header X-User-Id, believed; only on loopback and without a secret. Empty: nextauth if there is a secret, else dev."`
	NextAuthSecret string `name:"nextauth-secret" env:"NEXTAUTH_SECRET,AUTH_SECRET" placeholder:"SECRET" help:"The web app's secret; of several, with commas between, the newest first. Better in a variable, NextAuth's own or Auth.js 5's: others see a process's flags."`
	SessionCookie  string `env:"STUDYCALL_SESSION_COOKIE" placeholder:"NAME" help:"Another name of the session cookie, tried before NextAuth's own."`
}

// method is how callers sign in, by what is configured. Every error is one of usage, and repeats no secret. Which address
// the service listens on matters, as development's way of signing in is none.
func (f signInFlags) method(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usageError{fmt.Sprintf("--listen %q is not an address like 127.0.0.1:8080", listen)}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", usageError{fmt.Sprintf("--listen %q has no port from 0 to 65535, as 127.0.0.1:8080 has", listen)}
	}
	// The variables count also where the flag hides them: whoever set one did not mean development.
	secret := f.NextAuthSecret != "" || os.Getenv("NEXTAUTH_SECRET") != "" || os.Getenv("AUTH_SECRET") != ""
	switch {
	case f.Auth != "" && f.Auth != byNextAuth && f.Auth != byDev:
		return "", usageError{fmt.Sprintf("--auth must be one of nextauth, dev, not %q", f.Auth)}
	case f.Auth == byNextAuth && !secret:
		return "", usageError{"--auth=nextauth needs the web app's secret: set NEXTAUTH_SECRET, or give --nextauth-secret"}
	case f.Auth == byDev && secret:
		return "", usageError{"--auth=dev believes whoever a caller claims to be, and NEXTAUTH_SECRET or AUTH_SECRET says that this is not development; unset it, or --auth"}
	case secret:
		return byNextAuth, nil
	case !auth.Loopback(host):
		return "", usageError{fmt.Sprintf("--auth=dev believes whoever a caller claims to be: it listens on loopback only, such as 127.0.0.1:8080, not on %q; for sign-in, set NEXTAUTH_SECRET", listen)}
	default:
		return byDev, nil
	}
}

// authenticator makes what method says. Errors are as method's.
func (f signInFlags) authenticator(listen string) (httpapi.Authenticator, error) {
	how, err := f.method(listen)
	if err != nil {
		return nil, err
	}
	if f.SessionCookie != "" {
		if err := auth.CheckCookieName(f.SessionCookie); err != nil {
			return nil, usageError{fmt.Sprintf("--session-cookie: %v", err)}
		}
	}
	if how == byDev {
		return auth.Dev{}, nil
	}
	secrets, err := auth.ParseSecrets(f.NextAuthSecret)
	if other := os.Getenv("AUTH_SECRET"); err == nil && f.NextAuthSecret == os.Getenv("NEXTAUTH_SECRET") &&
		other != "" && other != f.NextAuthSecret && !slices.Contains(secrets, other) {
		return nil, usageError{"NEXTAUTH_SECRET and AUTH_SECRET are different secrets: unset the one that the web app does not use, or set NEXTAUTH_SECRET to both with a comma between"}
	}
	if err != nil {
		return nil, usageError{fmt.Sprintf("--nextauth-secret (NEXTAUTH_SECRET): %v", err)}
	}
	nextAuth, err := auth.NewNextAuth(secrets, f.SessionCookie, time.Now)
	if err != nil {
		return nil, err
	}
	return nextAuth, nil
}

// log writes how callers sign in, and the weaknesses of the configuration.
func (f signInFlags) log(log *slog.Logger) {
	if f.NextAuthSecret == "" {
		log.Warn("development sign-in: the header X-User-Id is believed, on loopback only")
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

// edgeFlags say what requests are asked besides.
type edgeFlags struct {
	AllowedOrigins   originList  `env:"ALLOWED_ORIGINS" placeholder:"ORIGINS" help:"The web app's origins, with commas between, such as https://app.example.com: their pages may call with cookies, from another site too."`
	TrustedProxies   networkList `env:"STUDYCALL_TRUSTED_PROXIES" placeholder:"NETWORKS" help:"Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, with commas between, such as 10.0.0.0/8. None by default."`
	RateLimit        float64     `env:"STUDYCALL_RATE_LIMIT" default:"50" placeholder:"N" help:"Requests a second that each user may send in the long run (${default}), to this server; 0: no limit."`
	RateBurst        int         `env:"STUDYCALL_RATE_BURST" default:"200" placeholder:"N" help:"Requests that each user may send at once (${default})."`
	AddressRateLimit float64     `env:"STUDYCALL_ADDRESS_RATE_LIMIT" default:"500" placeholder:"N" help:"The same for each client address, with or without sign-in (${default}); 0: no limit. Whole schools share an address."`
	AddressRateBurst int         `env:"STUDYCALL_ADDRESS_RATE_BURST" default:"2000" placeholder:"N" help:"Requests that each client address may send at once (${default})."`
}

// check refuses what cannot be meant.
func (f edgeFlags) check() error {
	for _, rate := range []struct {
		name  string
		limit float64
		burst int
	}{{"rate", f.RateLimit, f.RateBurst}, {"address-rate", f.AddressRateLimit, f.AddressRateBurst}} {
		if rate.limit != 0 && (!(rate.limit >= 0.001) || math.IsInf(rate.limit, 0)) {
			return usageError{fmt.Sprintf("--%s-limit must be 0 or at least 0.001 a second, not %v", rate.name, rate.limit)}
		}
		if rate.burst < 1 || rate.burst > longestBurst {
			return usageError{fmt.Sprintf("--%s-burst must be from 1 to %d, not %d", rate.name, longestBurst, rate.burst)}
		}
	}
	return nil
}

// security is what the flags say, where callers sign in as the authenticator has it.
func (f edgeFlags) security(callers httpapi.Authenticator) httpapi.Security {
	security := httpapi.Security{
		Origins:    f.AllowedOrigins.Origins,
		Proxies:    f.TrustedProxies,
		PerUser:    httpapi.Rate{PerSecond: f.RateLimit, Burst: f.RateBurst},
		PerAddress: httpapi.Rate{PerSecond: f.AddressRateLimit, Burst: f.AddressRateBurst},
	}
	if _, dev := callers.(auth.Dev); dev {
		security.IdentityHeader = auth.DevHeader
	}
	return security
}

// originList is a flag that lists web origins.
type originList struct{ *auth.Origins }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *originList) UnmarshalText(text []byte) (err error) {
	l.Origins, err = auth.ParseOrigins(string(text))
	return err
}

// networkList is a flag that lists networks.
type networkList []netip.Prefix

// UnmarshalText implements encoding.TextUnmarshaler. An address alone is the network of that address.
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
		return netip.Prefix{}, errors.New("a proxy cannot be anybody: " + text + " would let every client name its own address")
	case network.Masked() != network:
		return netip.Prefix{}, fmt.Errorf("%q is an address in %v: write the network", text, network.Masked())
	default:
		return network, nil
	}
}
