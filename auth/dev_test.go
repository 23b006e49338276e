package auth_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/studycall/studycall/auth"
)

// sent makes a request to this machine by its own name.
func sent(header http.Header) *http.Request {
	return &http.Request{Host: "localhost:8080", Header: header}
}

func TestDevBelievesTheHeader(t *testing.T) {
	t.Parallel()
	if id, err := (auth.Dev{}).Authenticate(sent(http.Header{"X-User-Id": {"user-456"}})); err != nil || id != "user-456" {
		t.Errorf("Authenticate = %q, %v", id, err)
	}
}

func TestDevNeedsTheHeader(t *testing.T) {
	t.Parallel()
	for _, header := range []http.Header{nil, {"X-User-Id": {""}}, {"Authorization": {"user-456"}}} {
		if id, err := (auth.Dev{}).Authenticate(sent(header)); !errors.Is(err, auth.ErrUnauthenticated) || id != "" {
			t.Errorf("%v: Authenticate = %q, %v", header, id, err)
		}
	}
}

// Behind a proxy, other machines reach the service, whatever Host the proxy passes on.
func TestDevRefusesRequestsThroughAProxy(t *testing.T) {
	t.Parallel()
	for name, trusted := range map[string]bool{
		"Forwarded": false, "X-Forwarded-For": false, "x-forwarded-host": false, "X-Forwarded-Proto": false,
		"X-Forwarded-Port": false, "X-Forwarded-Anything": false, "X-Forward": true, "X-Request-Id": true,
	} {
		for _, value := range []string{"", "127.0.0.1"} {
			r := sent(http.Header{"X-User-Id": {"user-456"}})
			r.Header.Set(name, value)
			if id, err := (auth.Dev{}).Authenticate(r); (err == nil) != trusted || (id == "user-456") != trusted ||
				err != nil && !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("%s: %q: Authenticate = %q, %v", name, value, id, err)
			}
		}
	}
}

func TestDevRefusesOtherHostNames(t *testing.T) {
	t.Parallel()
	for host, trusted := range map[string]bool{
		"localhost": true, "LocalHost": true, "localhost:8080": true, "127.0.0.1:8080": true, "127.0.0.1": true, "127.1.2.3:1": true,
		"[::1]:8080": true, "[::1]": true, "evil.test:8080": false, "evil.test": false, "localhost.evil.test": false,
		"127.0.0.1.evil.test:8080": false, "0.0.0.0:8080": false, "10.0.0.1:8080": false, "": false, "[]": false,
	} {
		r := &http.Request{Host: host, Header: http.Header{"X-User-Id": {"user-456"}}}
		if id, err := (auth.Dev{}).Authenticate(r); (err == nil) != trusted || (id == "user-456") != trusted {
			t.Errorf("%q: Authenticate = %q, %v", host, id, err)
		}
	}
}
