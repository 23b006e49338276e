package engineio

import (
	"net/http"
	"slices"
	"strings"
)

// kept is what a connection keeps of its first request: what says who is calling, from which page, and in which language.
// All of it would be a megabyte of whatever the client likes, for as long as the connection lasts.
func kept(r *http.Request) *http.Request {
	headers := http.Header{}
	for name, values := range r.Header {
		if keeps(name) {
			headers[name] = slices.Clone(values)
		}
	}
	return &http.Request{
		Method: r.Method, URL: r.URL, Host: r.Host, Header: headers, RemoteAddr: r.RemoteAddr, TLS: r.TLS,
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, RequestURI: r.RequestURI,
	}
}

// keeps says whether a header, by its canonical name, is among those that are kept.
func keeps(name string) bool {
	switch name {
	case "Cookie", "Authorization", "X-User-Id", "Origin", "Referer", "Sec-Fetch-Site", "Forwarded", "Accept-Language":
		return true
	default:
		return strings.HasPrefix(name, "X-Forwarded-")
	}
}
