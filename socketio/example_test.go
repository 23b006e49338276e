package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	gorilla "github.com/gorilla/websocket"

	"github.com/studycall/studycall/socketio"
	"github.com/studycall/studycall/websocket"
)

// greeter is a namespace that answers the event "hello" with an event and an ack.
type greeter struct{ disconnected chan socketio.Reason }

func (greeter) Connect(_ context.Context, s *socketio.Socket, _ *http.Request, auth json.RawMessage) error {
	var payload struct{ Name string }
	if err := json.Unmarshal(auth, &payload); err != nil || payload.Name == "" {
		return &socketio.ConnectError{Message: "a name is required"}
	}
	s.Data = payload.Name
	return nil
}

func (greeter) Connected(*socketio.Socket) {}

func (greeter) Event(s *socketio.Socket, event string, args socketio.Args, ack socketio.Ack) {
	greeting := json.RawMessage(strconv.Quote(event + ", " + s.Data.(string)))
	s.Emit("greeting", socketio.Args{JSON: []json.RawMessage{greeting}})
	ack.Send(args.JSON...)
}

func (g greeter) Disconnected(_ *socketio.Socket, reason socketio.Reason, _ time.Time) {
	g.disconnected <- reason
}

// A server with one namespace, and a client that sends an event and gets an event and the ack. Messages of the client begin with the
// packet types of Engine.IO (4, message) and Socket.IO (0, connect; 2, event; 1, disconnect).
func Example() {
	namespace := greeter{make(chan socketio.Reason, 1)}
	server := socketio.NewServer(socketio.Config{}, map[string]socketio.Namespace{socketio.MainNamespace: namespace})
	listener := httptest.NewServer(server)
	defer listener.Close()

	url := "ws" + strings.TrimPrefix(listener.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	conn, answer, err := gorilla.DefaultDialer.Dial(url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = answer.Body.Close()
	receive := func() string {
		_, message, _ := conn.ReadMessage() // on an error, the output differs
		return string(message)
	}
	fmt.Printf("%.8s\n", receive()) // the Engine.IO handshake

	_ = conn.WriteMessage(gorilla.TextMessage, []byte(`40{"name":"Kim"}`))
	fmt.Printf("%.9s\n", receive())
	_ = conn.WriteMessage(gorilla.TextMessage, []byte(`421["hello",{"n":1}]`)) // with the ack id 1
	fmt.Println(receive())
	fmt.Println(receive())
	_ = conn.WriteMessage(gorilla.TextMessage, []byte("41"))
	fmt.Println(<-namespace.disconnected)

	_ = conn.Close()
	_ = server.Close(context.Background(), websocket.Restart)
	// Output:
	// 0{"sid":
	// 40{"sid":
	// 42["greeting","hello, Kim"]
	// 431[{"n":1}]
	// client disconnect
}
