package httpapi_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/studycall/studycall/httpapi"
)

func TestTheClientsAddress(t *testing.T) {
	t.Parallel()
	proxies := networks(t, "10.0.0.0/8", "192.0.2.1/32", "fd00::/8")
	for _, c := range []struct {
		peer, forwarded, want string
	}{
		{"203.0.113.7:1", "", "203.0.113.7"},
		{"203.0.113.7:1", "198.51.100.1", "203.0.113.7"}, // the header of a peer that is no trusted proxy is ignored
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"[::ffff:10.0.0.1]:1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "1.1.1.1, 198.51.100.1", "198.51.100.1"}, // the first was the client's own word
		{"10.0.0.1:1", "1.1.1.1 ,198.51.100.1\t, 192.0.2.1,10.9.9.9", "198.51.100.1"},
		{"10.0.0.1:1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"10.0.0.1:1", "198.51.100.1:443", "198.51.100.1"},
		{"10.0.0.1:1", "[2001:db8::1]:443", "2001:db8::1"},
		{"10.0.0.1:1", "[2001:db8::1]", "2001:db8::1"},
		{"10.0.0.1:1", "2001:db8::1%eth0", "2001:db8::1"},
		{"[fd00::1]:1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "unknown", "10.0.0.1"},
		{"10.0.0.1:1", "198.51.100.1, unknown", "10.0.0.1"},
		{"10.0.0.1:1", "198.51.100.1,", "10.0.0.1"},
		{"10.0.0.1:1", ",,,", "10.0.0.1"},
		{"@", "198.51.100.1", "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header["X-Forwarded-For"] = strings.SplitN(c.forwarded, " ,", 2) // in one line or two
		}
		if client, _ := httpapi.ClientAddress(r, proxies); client.String() != c.want {
			t.Errorf("%s, X-Forwarded-For %q: %s, want %s", c.peer, c.forwarded, client, c.want)
		}
		if client, _ := httpapi.ClientAddress(r, nil); c.peer[0] != '@' && client != netip.MustParseAddrPort(c.peer).Addr().Unmap() {
			t.Errorf("%s, X-Forwarded-For %q, without proxies: %s", c.peer, c.forwarded, client)
		}
	}
}

func TestAnIPv6ClientCountsAsItsNetwork(t *testing.T) {
	t.Parallel()
	for peer, want := range map[string]string{
		"[2001:db8:1:2ff:3:4:5:6]:1": "2001:db8:1:200::", "[2001:db8:1:200::]:1": "2001:db8:1:200::", "203.0.113.7:1": "203.0.113.7",
		"[::ffff:203.0.113.7]:1": "203.0.113.7", "@": "invalid IP",
	} {
		if _, counted := httpapi.ClientAddress(&http.Request{RemoteAddr: peer}, nil); counted.String() != want {
			t.Errorf("%s: counted for %s, want %s", peer, counted, want)
		}
	}
}

// FuzzClientAddress checks that entries of the client never hide the entry that a trusted proxy appended, and that the header of
// any other peer is ignored.
func FuzzClientAddress(f *testing.F) {
	for _, header := range []string{"", ",", "10.0.0.1", "1.1.1.1, 10.0.0.1", "[::1]:3", "[", "]", ":", "unknown", "\x00", "fe80::1%e%t"} {
		f.Add(header, "203.0.113.7:1")
	}
	f.Fuzz(func(t *testing.T, header, peer string) {
		proxies := networks(t, "10.0.0.0/8")
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {header, "203.0.113.7, 10.0.0.2"}}}
		if client, _ := httpapi.ClientAddress(r, proxies); client.String() != "203.0.113.7" {
			t.Errorf("%q hides the client: %s", header, client)
		}
		r.RemoteAddr = peer
		client, counted := httpapi.ClientAddress(r, proxies)
		address, err := netip.ParseAddrPort(peer)
		if err != nil && client.IsValid() || client.IsValid() != counted.IsValid() {
			t.Errorf("%q: %s, counted for %s", peer, client, counted)
		}
		if err == nil && !proxies[0].Contains(address.Addr().Unmap()) && client != address.Addr().Unmap().WithZone("") {
			t.Errorf("%q, saying %q, is %s", peer, header, client)
		}
		// Alone, the header may say anything; it must only not be taken for more than an address.
		r.RemoteAddr, r.Header = "10.0.0.1:1", http.Header{"X-Forwarded-For": {header}}
		if client, _ := httpapi.ClientAddress(r, proxies); !client.IsValid() || client.Zone() != "" || client.Is4In6() {
			t.Errorf("%q: %s", header, client)
		}
	})
}
