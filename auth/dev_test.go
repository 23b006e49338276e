package auth_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/studycall/studycall/auth"
)

func TestDevBelievesTheHeader(t *testing.T) {
	t.Parallel()
	r := &http.Request{Header: http.Header{"X-User-Id": {"user-456"}}}
	if id, err := (auth.Dev{}).Authenticate(r); err != nil || id != "user-456" {
		t.Errorf("Authenticate = %q, %v", id, err)
	}
}

func TestDevNeedsTheHeader(t *testing.T) {
	t.Parallel()
	for _, header := range []http.Header{nil, {"X-User-Id": {""}}, {"Authorization": {"user-456"}}} {
		if id, err := (auth.Dev{}).Authenticate(&http.Request{Header: header}); !errors.Is(err, auth.ErrUnauthenticated) || id != "" {
			t.Errorf("%v: Authenticate = %q, %v", header, id, err)
		}
	}
}

func TestDevOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	for host, believed := range map[string]bool{
		"localhost": true, "LocalHost": true, "localhost:8080": true, "127.0.0.1:8080": true, "127.0.0.1": true, "127.1.2.3:1": true,
		"[::1]:8080": true, "[::1]": true, "evil.test:8080": false, "evil.test": false, "localhost.evil.test": false,
		"127.0.0.1.evil.test:8080": false, "0.0.0.0:8080": false, "10.0.0.1:8080": false, "": false, "[]": false,
	} {
		r := &http.Request{Host: host, Header: http.Header{"X-User-Id": {"user-456"}}}
		if id, err := (auth.Dev{LocalOnly: true}).Authenticate(r); (err == nil) != believed || (id == "user-456") != believed {
			t.Errorf("%q: Authenticate = %q, %v", host, id, err)
		}
		if _, err := (auth.Dev{}).Authenticate(r); err != nil {
			t.Errorf("%q: %v, though any host will do", host, err)
		}
	}
}
