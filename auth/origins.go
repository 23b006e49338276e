package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Origins decides which web pages may make a browser send its user's cookies: those of the service's own origin, of the same
// site, and of the listed origins. A nil *Origins lists none. It may be used concurrently.
type Origins struct{ listed map[string]bool }

// ParseOrigins reads a list of origins, separated by commas. Spaces around an origin are ignored, and the empty text is the empty
// list. Origins are compared byte for byte, so each must be written as browsers send it. The error names the accepted form.
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

// checkOrigin returns an error for a text that no browser would send as an Origin.
func checkOrigin(origin string) error {
	if origin == "" {
		return errors.New("an origin between two commas is empty")
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
	if port := u.Port(); port == "" || port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = strings.TrimSuffix(host, ":"+port)
	}
	if sent := u.Scheme + "://" + host; sent != origin {
		return fmt.Errorf("%q is not as browsers send it: write %s", origin, sent)
	}
	return nil
}

// Listed reports whether the value of an Origin header is on the list.
func (o *Origins) Listed(origin string) bool { return o != nil && o.listed[origin] }

// Trust reports whether the cookies of a request were sent by an allowed page. They were not if a browser shows that a page of another
// site caused the request, whatever the method. It is for requests that change something, and for the opening of WebSockets, which
// browsers do not restrict otherwise.
//
// Trust reads Sec-Fetch-Site, which pages cannot forge. Browsers that send none (over plain HTTP, or before 2023) send Origin, which
// is compared with Host, or at least Referer. All values of a repeated header count. Pages of the same site on another host or
// port are trusted if Sec-Fetch-Site or the list says so.
//
// A request with none of the three is trusted. With a method other than GET, browsers send at least Origin for every request that
// a page causes, since 2020 also for forms. So such a request comes from a program, which has no other user's cookies.
func (o *Origins) Trust(r *http.Request) bool {
	if sites := r.Header["Sec-Fetch-Site"]; len(sites) > 0 {
		own := []string{"same-origin", "same-site", "none"} // none: the user opened the URL directly
		return every(sites, func(site string) bool { return slices.Contains(own, site) }) || o.every(r, "Origin")
	}
	if len(r.Header["Origin"]) > 0 {
		return o.every(r, "Origin")
	}
	return len(r.Header["Referer"]) == 0 || o.every(r, "Referer")
}

// every reports whether the header is present and each of its values is a listed origin or, unless there is a Sec-Fetch-Site, has
// the host that the request is for. The scheme is not compared, because behind a proxy that ends TLS it is unknown.
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
