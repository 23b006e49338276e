package socketio

import "testing"

// Given an event that waits for its attachments, then its text is all that is kept of it; when they came, it is whole.
func TestTheListIsNotKeptWhileAttachmentsAreAwaited(t *testing.T) {
	t.Parallel()
	c := &client{server: &Server{config: Config{MaxPayload: 1000}}, sockets: []*Socket{{namespace: "/", state: gone}}}
	if err := c.take([]byte(`52-["a",0,{"_placeholder":true,"num":1}]`), false); err != nil {
		t.Fatal(err)
	}
	p := c.partial
	if p == nil || p.list != nil {
		t.Fatalf("keeps %+v", p)
	}
	for range 2 {
		if err := c.take([]byte("bytes"), true); err != nil {
			t.Fatal(err)
		}
	}
	if c.partial != nil || p.event != "a" || len(p.list) != 3 || len(p.binary) != 2 {
		t.Errorf("became %+v", p)
	}
}
