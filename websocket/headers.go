package websocket

import "net/http"

// MaxHeaders is how many bytes a request for a connection may have before its body: what is kept of one lives as long as
// the connection. Browsers send a few KB; a session cookie in chunks has 4 KB each.
const MaxHeaders = 64 << 10

// HeadersTooLarge says whether a request has more than MaxHeaders.
func HeadersTooLarge(r *http.Request) bool {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size > MaxHeaders
}
