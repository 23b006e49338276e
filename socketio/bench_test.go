package socketio_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkFanout measures deliveries per second of the server's CPU time, beside a bare gorilla/websocket server that only copies
// frames, and the bytes of an idle connection.
func BenchmarkFanout(b *testing.B) {
	for _, load := range []struct {
		name                string
		rooms, peers, bytes int
	}{
		{"relay-1000x2", 1000, 2, 2500},
		{"relay-72x2", 72, 2, 2500},
		{"toggles-12x12", 12, 12, 60},
	} {
		for _, kind := range []string{"bare", "socketio", "recovery"} {
			b.Run(load.name+"/"+kind, func(b *testing.B) {
				s := startBenchServer(b, kind)
				before := s.usage(b)
				clients := s.connect(b, kind, load.rooms, load.peers)
				idle := s.usage(b)
				for b.Loop() { // in a round, every client sends a burst of 4 and receives the bursts of its peers
					round(b, clients, load.peers, load.bytes)
				}
				spent := s.usage(b).CPU - idle.CPU
				deliveries := float64(b.N * 4 * len(clients) * (load.peers - 1))
				b.ReportMetric(deliveries/spent.Seconds(), "deliveries/cpu-s")
				b.ReportMetric(float64(idle.Memory-before.Memory)/float64(len(clients)), "B/conn")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// benchTarget is a server in a process of its own.
type benchTarget struct{ address string }

func startBenchServer(b *testing.B, kind string) *benchTarget {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0], "-test.run=^TestBenchServer$")
	cmd.Env = append(os.Environ(), benchServer+"="+kind)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return &benchTarget{strings.TrimSpace(strings.TrimPrefix(line, "listening on "))}
}

func (s *benchTarget) usage(b *testing.B) benchUsage {
	b.Helper()
	answer, err := http.Get("http://" + s.address + "/usage")
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	var usage benchUsage
	if err := json.NewDecoder(answer.Body).Decode(&usage); err != nil {
		b.Fatal(err)
	}
	return usage
}

// benchClient sends and counts frames.
type benchClient struct {
	conn   net.Conn
	reader *bufio.Reader
}

// connect opens the connections, room by room.
func (s *benchTarget) connect(b *testing.B, kind string, rooms, peers int) []*benchClient {
	b.Helper()
	var clients []*benchClient
	for room := range rooms {
		for range peers {
			conn, err := net.Dial("tcp", s.address)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = conn.Close() })
			fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket&room=%d HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
				"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", room)
			c := &benchClient{conn, bufio.NewReaderSize(conn, 32<<10)}
			answer, err := http.ReadResponse(c.reader, nil)
			if err != nil {
				b.Fatal(err)
			}
			_ = answer.Body.Close()
			c.await(b, 1)
			if kind != "bare" {
				if _, err := conn.Write(masked([]byte("40"))); err != nil {
					b.Fatal(err)
				}
				c.await(b, 1)
			}
			clients = append(clients, c)
		}
	}
	return clients
}

// await reads frames.
func (c *benchClient) await(b *testing.B, frames int) {
	b.Helper()
	for frames > 0 {
		head, err := c.reader.Peek(2)
		if err != nil {
			b.Error(err)
			return
		}
		length, header := int(head[1]), 2
		if length == 126 {
			header = 4
			if head, err = c.reader.Peek(4); err != nil {
				b.Error(err)
				return
			}
			length = int(binary.BigEndian.Uint16(head[2:]))
		}
		if length == 1 {
			if ping, err := c.reader.Peek(header + 1); err == nil && ping[header] == '2' {
				frames++
			}
		}
		if _, err := c.reader.Discard(header + length); err != nil {
			b.Error(err)
			return
		}
		frames--
	}
}

func round(b *testing.B, clients []*benchClient, peers, size int) {
	b.Helper()
	const burst, workers = 4, 8
	done := make(chan struct{}, workers)
	for w := range workers {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := w; i < len(clients); i += workers {
				frame := masked(benchBody("message", size, i%peers))
				for range burst {
					if _, err := clients[i].conn.Write(frame); err != nil {
						b.Error(err)
					}
				}
			}
			for i := w; i < len(clients); i += workers {
				clients[i].await(b, burst*(peers-1))
			}
		}()
	}
	for range workers {
		<-done
	}
}

// masked encodes a text frame of a client, with a mask of zeros.
func masked(data []byte) []byte {
	frame := []byte{0x81}
	if len(data) < 126 {
		frame = append(frame, 0x80|byte(len(data)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(data)))
	}
	return append(append(frame, 0, 0, 0, 0), data...)
}
