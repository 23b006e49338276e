package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/studycall/studycall/auth"
)

// pageServer serves testdata/webapp's page to browsers, sends orders to each page, and keeps its observations.
type pageServer struct {
	t       *testing.T
	folder  string // with the page and its packages
	server  *httptest.Server
	service string // the address of the service; set it before a page opens

	mu    sync.Mutex
	pages map[string]*callPage // by user
}

// newPageServer serves the page and the client library from a folder, until the test ends.
func newPageServer(t *testing.T, folder string) *pageServer {
	t.Helper()
	s := &pageServer{t: t, folder: folder, pages: map[string]*callPage{}}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", s.open)
	for path, file := range map[string]string{
		"GET /page.js":          "page.js",
		"GET /socket.io.min.js": "node_modules/socket.io-client/dist/socket.io.min.js",
	} {
		routes.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, filepath.Join(folder, file)) })
	}
	routes.HandleFunc("GET /config", s.config)
	routes.HandleFunc("GET /orders", s.orders)
	routes.HandleFunc("POST /observations", s.observed)
	s.server = httptest.NewServer(routes)
	t.Cleanup(func() {
		s.server.CloseClientConnections() // pages hold a stream of orders open
		s.server.Close()
	})
	return s
}

// enter creates a user's page, which a browser then opens.
func (s *pageServer) enter(user string, cookie bool) *callPage {
	p := &callPage{t: s.t, user: user, cookie: cookie, orders: make(chan pageOrder, 10), more: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[user] = p
	return p
}

func (s *pageServer) page(user string) *callPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages[user]
}

// open serves the page, and sets the web app's session cookie if the user signs in by cookie.
func (s *pageServer) open(w http.ResponseWriter, r *http.Request) {
	if p := s.page(r.FormValue("who")); p.cookie {
		http.SetCookie(w, &http.Cookie{
			Name: auth.DefaultCookie, Value: sessionToken(s.t, p.user), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	http.ServeFile(w, r, filepath.Join(s.folder, "page.html"))
}

// config returns the address of the service, and the token of a user who signs in by token.
func (s *pageServer) config(w http.ResponseWriter, r *http.Request) {
	config := map[string]string{"api": s.service, "studyId": callStudy}
	if p := s.page(r.FormValue("who")); !p.cookie {
		config["token"] = sessionToken(s.t, p.user)
	}
	if err := json.NewEncoder(w).Encode(config); err != nil {
		s.t.Errorf("the configuration of a page: %v", err)
	}
}

// orders streams the page's orders.
func (s *pageServer) orders(w http.ResponseWriter, r *http.Request) {
	p := s.page(r.FormValue("who"))
	w.Header().Set("Content-Type", "text/event-stream")
	stream := http.NewResponseController(w)
	for stream.Flush() == nil {
		select {
		case order := <-p.orders:
			text, err := json.Marshal(order)
			if err != nil {
				p.t.Error(err)
			}
			_, _ = fmt.Fprintf(w, "data: %s\n\n", text) // a lost order shows in the observations
		case <-r.Context().Done():
			return
		}
	}
}

// observed keeps an observation.
func (s *pageServer) observed(_ http.ResponseWriter, r *http.Request) {
	var report struct {
		Who, Kind string
		Data      json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
		s.t.Errorf("cannot read a page's observation: %v", err)
		return
	}
	p := s.page(report.Who)
	if report.Kind == "failed" {
		p.t.Errorf("the page of %s failed: %s", p.user, report.Data)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, observation{report.Kind, report.Data})
	close(p.more)
	p.more = make(chan struct{})
}
