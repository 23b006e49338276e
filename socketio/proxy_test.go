package socketio_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy forwards TCP connections to a server, and breaks them.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	pipes []*pipe
	down  bool // new connections are closed
}

// pipe is a connection through the proxy.
type pipe struct {
	client, server net.Conn
	frozen         atomic.Bool // everything is dropped, also the end of either side
	closed         chan struct{}
	close          func()
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{listener: listen(t, "127.0.0.1:0"), target: target}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := p.listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.forward(conn) })
		}
	})
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.cut()
		running.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) forward(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	x := &pipe{client: client, server: server, closed: make(chan struct{})}
	x.close = sync.OnceFunc(func() {
		_ = client.Close()
		_ = server.Close()
		close(x.closed)
	})
	p.mu.Lock()
	p.pipes = append(p.pipes, x)
	down := p.down
	p.mu.Unlock()
	if down {
		x.close()
	}
	var both sync.WaitGroup
	both.Go(func() { x.copy(client, server) })
	both.Go(func() { x.copy(server, client) })
	both.Wait()
}

func (x *pipe) copy(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		switch {
		case x.frozen.Load() && err != nil:
			<-x.closed
			return
		case x.frozen.Load():
		case err != nil:
			x.close()
			return
		default:
			_, _ = to.Write(buffer[:n]) // the other copy notices an error
		}
	}
}

// cut closes all connections, and new ones until restore.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for _, x := range p.pipes {
		x.close()
	}
	p.pipes = nil
}

func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// freeze makes the connections black holes. New connections are forwarded.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.pipes {
		x.frozen.Store(true)
	}
}
