package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Origins are the web pages that may make a browser send its user's cookies along: the service's own, those of the same
// site, and those of the listed origins. A nil *Origins lists none. It may be used concurrently.
type Origins struct {
	listed     map[string]bool
	protection http.CrossOriginProtection
}

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
		if err := o.protection.AddTrustedOrigin(origin); err != nil {
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
// compares Origin with Host. A request with neither comes from no browser, and nobody else has another's cookies.
// Pages of the same site on another host or port are trusted, which http.CrossOriginProtection leaves to the list.
func (o *Origins) Trust(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") == "same-site" {
		return true
	}
	if o == nil {
		o = &Origins{}
	}
	// It lets every GET pass, and looks at nothing else than these.
	return o.protection.Check(&http.Request{Method: http.MethodPost, Host: r.Host, Header: r.Header, URL: r.URL}) == nil
}
