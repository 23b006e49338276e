package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

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
