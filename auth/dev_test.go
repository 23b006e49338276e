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
