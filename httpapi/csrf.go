package httpapi

import (
	"net/http"
	"strings"

	"github.com/studycall/studycall/domain"
)

// crossSite refuses a request that changes something with a cookie that a page of another site may have made the browser
// send. Nothing else comes along by itself: whoever sends a Bearer token or names a user in a header has asked the browser
// for leave first (see cors), or is none.
func (s *Server) crossSite(r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	identity := s.Security.IdentityHeader
	asked := bearer(r.Header) || identity != "" && r.Header.Get(identity) != ""
	if len(r.Header["Cookie"]) == 0 || asked || s.Security.Origins.Trust(r) {
		return nil
	}
	return &domain.Error{Code: domain.PermissionDenied, Details: map[string]any{
		"field": "Origin", "reason": "must be this service's, of the same site, or one of the allowed origins",
	}}
}

// bearer reports whether the request has a Bearer token. A page of another site cannot add one unasked, though a browser
// may add other kinds of Authorization by itself.
func bearer(header http.Header) bool {
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && token != ""
}
