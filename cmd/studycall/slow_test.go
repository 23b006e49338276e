package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/postgres/postgrestest"
)

const (
	// shortTimeout is the tested timeout, and patience how long a test waits for its effect.
	shortTimeout = 100 * time.Millisecond
	patience     = time.Minute
)

// rawConn is a TCP connection to the program, without an HTTP client.
type rawConn struct {
	t *testing.T
	net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, address string) *rawConn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &rawConn{t, conn, bufio.NewReader(conn)}
}

func (s *rawConn) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		s.t.Fatal(err)
	}
}

// drip sends single bytes until an answer arrives or the connection is closed.
func (s *rawConn) drip() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		_, _ = s.Write([]byte("x"))
		_ = s.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		if _, err := s.answers.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			_ = s.SetReadDeadline(deadline)
			return
		}
	}
	s.t.Fatalf("still open after %v", patience)
}

// mustBeClosed reads until the connection is closed or reset.
func (s *rawConn) mustBeClosed() {
	s.t.Helper()
	if _, err := io.Copy(io.Discard, s.answers); errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Errorf("still open after %v", patience)
	}
}

func (s *rawConn) answer() (status int, body string) {
	s.t.Helper()
	response, err := http.ReadResponse(s.answers, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// Each timeout of the program closes the connections that it is for. The other timeouts are an hour.
func TestTimeoutsCloseSlowConnections(t *testing.T) {
	t.Parallel()
	database := "--database-url=" + postgrestest.NewURL(t)
	serve := func(t *testing.T, which func(*http.Server) *time.Duration) string {
		t.Helper()
		tune := func(s *http.Server) {
			if timeout := *which(s); timeout < time.Second || timeout > 5*time.Minute {
				t.Errorf("the default is %v", timeout)
			}
			s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = time.Hour, time.Hour, time.Hour, time.Hour
			*which(s) = shortTimeout
		}
		return serveInProcess(t, io.Discard, func(c *serveCommand) { c.tune = tune }, database)
	}
	const started = "POST /api/my-studies/study-123/video-call/leave HTTP/1.1\r\nHost: localhost\r\n" + auth.DevHeader + ": user-456\r\n"

	t.Run("headers that do not end", func(t *testing.T) {
		t.Parallel()
		address := serve(t, func(l *http.Server) *time.Duration { return &l.ReadHeaderTimeout })
		silent, dripping := dial(t, address), dial(t, address)
		silent.send(started + "X-Slow: ")
		dripping.send(started + "X-Slow: ")
		dripping.drip()
		dripping.mustBeClosed()
		silent.mustBeClosed()
	})
	t.Run("a body that does not end", func(t *testing.T) {
		t.Parallel()
		address := serve(t, func(l *http.Server) *time.Duration { return &l.ReadTimeout })
		for _, body := range []string{"Content-Length: 1000000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\nfffff\r\n{"} {
			silent, dripping := dial(t, address), dial(t, address)
			silent.send(started + body)
			dripping.send(started + body)
			dripping.drip()
			for _, s := range []*rawConn{dripping, silent} {
				if status, text := s.answer(); status != http.StatusBadRequest || !strings.Contains(text, `"INVALID_REQUEST"`) {
					t.Errorf("%d %s", status, text)
				}
				s.mustBeClosed()
			}
		}
	})
	t.Run("no next request", func(t *testing.T) {
		t.Parallel()
		s := dial(t, serve(t, func(l *http.Server) *time.Duration { return &l.IdleTimeout }))
		s.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if status, text := s.answer(); status != http.StatusOK {
			t.Errorf("%d %s", status, text)
		}
		s.mustBeClosed()
	})
	t.Run("answers that are not read", func(t *testing.T) {
		t.Parallel()
		s := dial(t, serve(t, func(l *http.Server) *time.Duration { return &l.WriteTimeout }))
		requests := strings.Repeat("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000)
		for {
			if _, err := io.WriteString(s, requests); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("still open after %v", patience)
			} else if err != nil {
				return // the server closed the connection
			}
		}
	})
}

func TestHeadersOverTheLimitAreRefused(t *testing.T) {
	t.Parallel()
	skipInShort(t, "8 s")
	address := serveInProcess(t, io.Discard, nil, "--database-url="+postgrestest.NewURL(t))
	s := dial(t, address)
	line := "X-Large: " + strings.Repeat("x", 64<<10) + "\r\n"
	// The server may close before it has read all of them.
	_, _ = io.WriteString(s, "GET /health HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat(line, 20)+"\r\n")
	if status, text := s.answer(); status != http.StatusRequestHeaderFieldsTooLarge || strings.Contains(text, "xxx") {
		t.Errorf("%d %s", status, text)
	}
	s.mustBeClosed()
	s = dial(t, address)
	s.send("GET /health HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat(line, 16) + "\r\n")
	if status, text := s.answer(); status != http.StatusOK {
		t.Errorf("a megabyte: %d %s", status, text)
	}
}
