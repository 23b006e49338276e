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

// stage serves testdata/webapp's page to browsers, tells each page what to do, and keeps what it saw.
type pageServer struct {
	t       *testing.T
	folder  string // of the page and its packages
	server  *httptest.Server
	service string // the address of the service; set before a page is opened

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
	routes.HandleFunc("POST /told", s.told)
	s.server = httptest.NewServer(routes)
	t.Cleanup(func() {
		s.server.CloseClientConnections() // pages wait for orders
		s.server.Close()
	})
	return s
}

// enter makes a user's page, for a browser to open.
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

// open serves the page, which signs the user in, by the cookie that the web app would set.
func (s *pageServer) open(w http.ResponseWriter, r *http.Request) {
	if p := s.page(r.FormValue("who")); p.cookie {
		http.SetCookie(w, &http.Cookie{
			Name: auth.DefaultCookie, Value: sessionToken(s.t, p.user), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	http.ServeFile(w, r, filepath.Join(s.folder, "page.html"))
}

// config tells the page where the service is, and the token of a user without cookie.
func (s *pageServer) config(w http.ResponseWriter, r *http.Request) {
	config := map[string]string{"api": s.service, "studyId": callStudy}
	if p := s.page(r.FormValue("who")); !p.cookie {
		config["token"] = sessionToken(s.t, p.user)
	}
	if err := json.NewEncoder(w).Encode(config); err != nil {
		s.t.Errorf("the configuration of a page: %v", err)
	}
}

// orders sends the page its orders, as they come.
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
			_, _ = fmt.Fprintf(w, "data: %s\n\n", text) // whether the page gets it shows by what it does
		case <-r.Context().Done():
			return
		}
	}
}

// told keeps what a page saw.
func (s *pageServer) told(_ http.ResponseWriter, r *http.Request) {
	var told struct {
		Who, What string
		Data      json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
		s.t.Errorf("a page tells what cannot be read: %v", err)
		return
	}
	p := s.page(told.Who)
	if told.What == "failed" {
		p.t.Errorf("the page of %s failed: %s", p.user, told.Data)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, observation{told.What, told.Data})
	close(p.more)
	p.more = make(chan struct{})
}
