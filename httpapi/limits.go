package httpapi

import (
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/pacing"
)

// connectionRate is how many connections an address may open: by default 25 a second, and 400 at once. A connection that is
// never used is kept for 45 s (Engine.IO's connect timeout), so one address has at most some 1,500 of them. A page has one or
// two connections, and a whole school that reconnects after a restart is through in a minute.
func connectionRate(perAddress pacing.Rate) pacing.Rate {
	return pacing.Rate{PerSecond: perAddress.PerSecond / 20, Burst: max(perAddress.Burst/5, 1)}
}

// addressLimit is the limit of the client's address that counts a request. Nil counts nothing.
type addressLimit = *limiter[netip.Addr]

// ordinary returns the limit of most requests.
func (s *Server) ordinary(r *http.Request) addressLimit {
	if asksForWebSocket(r) {
		return s.connections
	}
	return s.requests
}

// engineIO returns the limit of a request of Engine.IO. Polls of an open connection count nowhere: they are as frequent as
// messages, whose number is limited for each connection, and a refused poll would end the connection. A poll of a connection
// that does not exist is refused at next to no expense.
func (s *Server) engineIO(r *http.Request) addressLimit {
	switch {
	case asksForWebSocket(r):
		return s.connections
	case r.URL.Query().Get("sid") != "":
		return nil
	case r.Method == http.MethodGet:
		return s.connections
	default:
		return s.requests
	}
}

// unlimited is for requests by an operator or a balancer, which must be answered under any load.
func unlimited(*http.Request) addressLimit { return nil }

// asksForWebSocket reports whether a request may ask for a WebSocket. Other upgrades are ignored, such as to h2c, for which some
// clients ask with every request.
func asksForWebSocket(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Upgrade"], func(value string) bool {
		return strings.Contains(strings.ToLower(value), "websocket")
	})
}

// limited returns the error for a caller who must wait. It names the limit, and the wait in whole seconds.
func limited(limit string, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	return &domain.Error{Code: domain.RateLimited, Details: map[string]any{"limit": limit, retryAfterDetail: int64(math.Ceil(wait.Seconds()))}}
}

// bucketLimit bounds the memory of a limiter to some 15 MB.
const bucketLimit = 50_000

// limiter is a token bucket for each key, for at most size keys. When a new key needs a bucket, the one that was unused for
// longest makes room, if it is full again and so holds no information. If it is not full, clients of many networks have filled the
// table. All new keys then share one bucket, so that no client gets a new burst by evicting other buckets.
type limiter[K comparable] struct {
	rate pacing.Rate
	size int

	mu      sync.Mutex
	latest  time.Time // of the requests so far
	buckets *simplelru.LRU[K, *rate.Limiter]
	shared  *rate.Limiter
}

// newLimiter makes the limiter of a rate; nil for no limit.
func newLimiter[K comparable](perKey pacing.Rate, size int) *limiter[K] {
	if perKey.PerSecond <= 0 {
		return nil
	}
	buckets, err := simplelru.NewLRU[K, *rate.Limiter](size, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &limiter[K]{rate: perKey, size: size, buckets: buckets, shared: perKey.Limiter()}
}

// take takes a token from the key's bucket and returns 0. If the bucket is empty, it takes nothing and returns the time until
// the next token.
func (l *limiter[K]) take(key K, now time.Time) (wait time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Concurrent requests arrive out of order. An earlier time would turn the bucket's clock back, and the same tokens would be
	// granted twice.
	if now.Before(l.latest) {
		now = l.latest
	}
	l.latest = now
	bucket := l.bucket(key, now)
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(math.Ceil(missing / l.rate.PerSecond * float64(time.Second)))
}

// bucket finds or makes the bucket of the key.
func (l *limiter[K]) bucket(key K, now time.Time) *rate.Limiter {
	if bucket, known := l.buckets.Get(key); known {
		return bucket
	}
	if l.buckets.Len() == l.size {
		_, oldest, _ := l.buckets.GetOldest()
		if oldest.TokensAt(now) < float64(oldest.Burst()) {
			return l.shared
		}
	}
	bucket := l.rate.Limiter()
	l.buckets.Add(key, bucket)
	return bucket
}

// clientAddress returns the address that a request comes from: the peer, or, if the peer is a trusted proxy, the client that
// the proxy names. Every proxy appends its peer to X-Forwarded-For, and the entries before are only what that peer claimed. So
// the list is read from its end, for as long as the address found is that of a trusted proxy. An entry that cannot be parsed
// ends the search.
func clientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	client := peerAddress(r)
	if len(proxies) == 0 {
		return client
	}
	forwarded := strings.Join(r.Header["X-Forwarded-For"], ",")
	for forwarded != "" && among(proxies, client) {
		comma := strings.LastIndexByte(forwarded, ',')
		address, ok := parseAddress(strings.Trim(forwarded[comma+1:], " \t"))
		if !ok {
			break
		}
		client, forwarded = address, forwarded[:max(comma, 0)]
	}
	return client
}

// peerAddress returns the address of the other end of the connection; the zero Addr if it is unknown.
func peerAddress(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// parseAddress reads an address with or without a port, which some proxies add.
func parseAddress(text string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), true
}

func among(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(network netip.Prefix) bool { return network.Contains(address) })
}

// secure reports whether the client used TLS to connect to this server or to a trusted proxy.
func secure(r *http.Request, proxies []netip.Prefix) bool {
	return r.TLS != nil || among(proxies, peerAddress(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// householdBits is the length of the prefix that all addresses of one IPv6 customer share. Providers assign a /56 to a home,
// and a /48 on request, which has 256 households: far fewer than a limiter keeps.
const householdBits = 56

// household returns the network that one client has to itself: an IPv4 address, or the prefix within which an IPv6 client can
// choose its address freely.
func household(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	return netip.PrefixFrom(address, householdBits).Masked().Addr()
}
