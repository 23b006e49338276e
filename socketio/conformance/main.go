// Command conformance is the server for the official test suites of Engine.IO 4 and Socket.IO 5, on 127.0.0.1:3000: it echoes
// Engine.IO messages at /engine.io/, and has two Socket.IO namespaces at /socket.io/. Its tests repeat the checks of those suites.
package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:3000", "address to listen on")
	recovery := flag.Bool("recovery", false, "with connection state recovery")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	config := suiteTimes()
	if *recovery {
		config.Recovery.Window = time.Minute
	}
	err := serve(ctx, *listen, config)
	stop()
	if err != nil {
		slog.Error("serving", "error", err)
		os.Exit(1)
	}
}

// serve serves the suites until ctx ends.
func serve(ctx context.Context, address string, config socketio.Config) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	slog.Info("listening", "address", listener.Addr().String())
	t := newTarget(config)
	server := &http.Server{Handler: t, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(t.close(closing, websocket.Restart), server.Shutdown(closing))
}
