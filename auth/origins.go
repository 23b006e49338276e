package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins are the web pages that may make a browser send its user's cookies along: the service's own, those of the same
// site, and those of the listed origins. A nil *Origins lists none. It may be used concurrently.
type Origins struct{ listed map[string]bool }

// ParseOrigins reads a list of origins with commas between them; spaces around one do not count, and the empty text lists
// none. Each must be written as browsers send it, since it is compared byte for byte. The error says how.
func ParseOrigins(list string) (*Origins, error) {
	o := &Origins{listed: map[string]bool{}}
	if strings.TrimSpace(list) == "" {
		return o, nil
	}
	for origin := range strings.SplitSeq(list, ",") {
		origin = strings.TrimSpace(origin)
		if err := checkOrigin(origin); err != nil {
			return nil, err
		}
		o.listed[origin] = true
	}
	return o, nil
}

// checkOrigin wants a text that some browser would send as an Origin.
func checkOrigin(origin string) error {
	if origin == "" {
		return errors.New("between two commas there is no origin")
	}
	if strings.Contains(origin, "*") {
		return fmt.Errorf("%q: origins that may use cookies are listed one by one, without *", origin)
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("%q is not an origin like https://app.example.com", origin)
	}
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' }) {
		return fmt.Errorf("%q: browsers send a host in ASCII (xn--…)", origin)
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "" || port == defaultPort(u.Scheme) {
		host = strings.TrimSuffix(host, ":"+port)
	}
	if sent := u.Scheme + "://" + host; sent != origin {
		return fmt.Errorf("%q is not as browsers send it: write %s", origin, sent)
	}
	return nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// Listed reports whether an Origin header's value is on the list.
func (o *Origins) Listed(origin string) bool { return o != nil && o.listed[origin] }

// Trust reports whether cookies that came with a request may be believed to express their user's will. They may not when
// a browser says that a page of another site caused the request, whatever its method: it is for those that change
// something, and for the opening of WebSockets, on which browsers put no other limit.
//
// It asks Sec-Fetch-Site, which pages cannot forge; in browsers that send none, over plain HTTP or from before 2023, it
// compares Origin with Host, and where there is none of that either, Referer. Of each, all values count. Pages of the same
// site on another host or port are trusted if Sec-Fetch-Site says so, or the list.
//
// A request with none of the three is trusted. A browser leaves all of them out of none that a page can have it send with a
// method other than GET: Origin is there since 2020 in every browser, also for forms. So it comes from a program, which has
// no other's cookies.
func (o *Origins) Trust(r *http.Request) bool {
	if sites := r.Header["Sec-Fetch-Site"]; len(sites) > 0 {
		return every(sites, ownSite) || o.every(r, "Origin")
	}
	if len(r.Header["Origin"]) > 0 {
		return o.every(r, "Origin")
	}
	return len(r.Header["Referer"]) == 0 || o.every(r, "Referer")
}

// ownSite are the values of Sec-Fetch-Site by which no other site has a part in the request; none is the user's own doing.
func ownSite(value string) bool {
	return value == "same-origin" || value == "same-site" || value == "none"
}

// every reports whether there is a header, and each of its values is of an origin of the list or, unless Sec-Fetch-Site knows
// better, of the very host that the request is for. Behind a proxy that ends TLS the scheme of that is not known.
func (o *Origins) every(r *http.Request, header string) bool {
	values := r.Header[header]
	return len(values) > 0 && every(values, func(value string) bool {
		if o.Listed(value) {
			return true
		}
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			return false
		}
		if header == "Referer" && o.Listed(u.Scheme+"://"+u.Host) {
			return true
		}
		return len(r.Header["Sec-Fetch-Site"]) == 0 && u.Host == r.Host
	})
}

func every(values []string, holds func(string) bool) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !holds(value) })
}
