package httpapi

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientAddress is where a request comes from: the peer, or, when that is one of our proxies, whom it says it speaks for.
// Every proxy adds its peer at the end of X-Forwarded-For, and what was there before is only what that peer said; so it is
// read from the end, as far as the proxies are ours. What cannot be read is nobody's word, and ends it.
func clientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr().Unmap().WithZone("")
	if len(proxies) == 0 {
		return client
	}
	said := strings.Join(r.Header["X-Forwarded-For"], ",")
	for said != "" && among(proxies, client) {
		comma := strings.LastIndexByte(said, ',')
		address, ok := parseAddress(strings.Trim(said[comma+1:], " \t"))
		if !ok {
			break
		}
		client, said = address, said[:max(comma, 0)]
	}
	return client
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
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// secure reports whether the client came by TLS, to us or to one of our proxies.
func secure(r *http.Request, proxies []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && among(proxies, peer.Addr().Unmap()) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// householdBits are those that the addresses of one IPv6 customer share at most: providers give a /56 to a home, and a /48 to
// whoever asks, from which 256 households can be made, far fewer than a limiter keeps.
const householdBits = 56

// household is the network that one client has to itself: an IPv4 address, or the bits from which an IPv6 client can take
// as many addresses as it likes.
func household(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	network, err := address.Prefix(householdBits)
	if err != nil {
		return address
	}
	return network.Addr()
}
