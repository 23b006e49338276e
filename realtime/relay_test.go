package realtime_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// Relayed content arrives byte for byte, however it is formatted.
func TestRelayIsByteForByte(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	plain := server.plainAs("park")
	plain.Must("video:join-room", inRoom)
	for _, content := range []string{
		`null`, `""`, `0`, `1e400`, `12345678901234567890`, `[ 1 , {"a" : null} ]`, `{"sdp":"\u003c\/\ud83e\udd8a"}`, `"한국어 🦊 <&>"`,
		`{"b":1,"a":2,"b":3}`, `{"sdp":"` + strings.Repeat("a=candidate:1 1 udp 2113937151\\r\\n", 600) + `"}`, `{"to":"x","from":"y"}`, `false`,
	} {
		for event, field := range map[string]string{"video:offer": "offer", "video:answer": "answer", "video:ice-candidate": "candidate"} {
			kim.Emit(event, fmt.Sprintf(`{"%s":%s,"to":%q}`, field, content, lee.ID))
			if got, want := string(lee.Expect(event)), fmt.Sprintf(`{"from":%q,"%s":%s}`, kim.ID, field, content); got != want {
				t.Errorf("%s arrives as %s, want %s", content, got, want)
			}
			kim.Emit(event, fmt.Sprintf(`{"%s":%s,"to":%q}`, field, content, plain.ID))
			if got, want := string(plain.Expect(event)), fmt.Sprintf(`{"from":%q,"%s":%s}`, kim.ID, field, content); got != want {
				t.Errorf("to the plain socket, %s arrives as %s, want %s", content, got, want)
			}
		}
	}
	kim.Emit("video:ice-candidate", fmt.Sprintf(`{"to":%q}`, lee.ID))
	if got, want := string(lee.Expect("video:ice-candidate")), fmt.Sprintf(`{"from":%q}`, kim.ID); got != want {
		t.Errorf("an absent field arrives as %s, want %s", got, want)
	}
}

func TestARelayReachesOnlySocketsInARoomOfTheSender(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee, outside := server.in("kim"), server.in("lee"), server.as("park")
	other := server.as("choi")
	other.Must("video:join-room", `{"studyId":"rust","roomId":"study-rust-main"}`)
	for what, data := range map[string]string{
		"nobody":                  `{"to":"nobody","offer":1}`,
		"somebody in no room":     `{"to":"` + outside.ID + `","offer":1}`,
		"somebody in another one": `{"to":"` + other.ID + `","offer":1}`,
		"a user":                  `{"to":"lee","offer":1}`,
		"no receiver":             `{"offer":1}`,
		"a number":                `{"to":7,"offer":1}`,
		"a list":                  `{"to":["` + lee.ID + `"],"offer":1}`,
		"a long id":               `{"to":"` + strings.Repeat("x", 100_000) + `","offer":1}`,
		"no object":               `"` + lee.ID + `"`,
		"nothing":                 ``,
		"null":                    `null`,
	} {
		if code := kim.Refused("video:offer", data); code != "INVALID_REQUEST" {
			t.Errorf("to %s: %s", what, code)
		}
	}
	if code := outside.Refused("video:offer", `{"to":"`+lee.ID+`","offer":1}`); code != "INVALID_REQUEST" {
		t.Errorf("from a socket outside the room: %s", code)
	}
	for name, c := range map[string]*realtimetest.Client{"lee": lee, "outside": outside, "other": other} {
		for _, e := range c.Received() {
			if strings.HasPrefix(e.Name, "video:offer") {
				t.Errorf("%s received %v", name, e)
			}
		}
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	server := cluster.server()
	kim, lee := server.in("kim"), server.in("lee")
	for event, all := range map[string][]string{
		"video:join-room": {``, `null`, `{}`, `[]`, `{"studyId":"go"}`, `{"studyId":"go","roomId":"study-rust-main"}`,
			`{"studyId":"","roomId":"study--main"}`, `{"studyId":"a\u0000b","roomId":"study-a\u0000b-main"}`, `{"studyId":7,"roomId":"study-7-main"}`,
			`{"studyId":"` + strings.Repeat("x", 201) + `","roomId":"study-` + strings.Repeat("x", 201) + `-main"}`},
		"video:leave-room":    {``, `{}`, `{"roomId":7}`, `{"roomId":"` + strings.Repeat("x", 300) + `"}`},
		"video:toggle-audio":  {`{"roomId":"study-go-main"}`, `{"roomId":"study-go-main","isMuted":"true"}`, `{"roomId":"study-go-main","isMuted":null}`, `{"isMuted":true}`},
		"video:toggle-video":  {`{"roomId":"study-go-main","isMuted":true}`},
		"video:speaking":      {`{"roomId":"study-go-main","speaking":1}`},
		"chat:video-message":  {`{"roomId":"study-go-main"}`, `{"roomId":"study-go-main","message":""}`, `{"roomId":"study-go-main","message":"` + strings.Repeat("가", 5001) + `"}`},
		"chat:video-file":     {`{"roomId":"study-go-main"}`, `{"roomId":"study-go-main","file":"data:x"}`, `{"roomId":"study-go-main","file":{"a":"` + strings.Repeat("x", 9000) + `"}}`},
		"presence:join-study": {`{}`, `{"studyId":""}`},
	} {
		for _, data := range all {
			if code := kim.Refused(event, data); code != "INVALID_REQUEST" {
				t.Errorf("%s %s: %s", event, data, code)
			}
		}
	}
	for _, event := range []string{"video:toggle-audio", "video:toggle-video", "video:screen-share-start", "video:screen-share-stop", "video:speaking", "chat:video-message"} {
		data := `{"roomId":"study-rust-main","isMuted":true,"isVideoOff":true,"speaking":true,"message":"x"}`
		if code := kim.Refused(event, data); code != "PERMISSION_DENIED" {
			t.Errorf("%s in a room that kim is not in: %s", event, code)
		}
	}
	if code := server.as("stranger").Refused("video:join-room", inRoom); code != "NOT_STUDY_MEMBER" {
		t.Errorf("a stranger joins: %s", code)
	}
	if code := server.as("stranger").Refused("presence:join-study", `{"studyId":"go"}`); code != "NOT_STUDY_MEMBER" {
		t.Errorf("a stranger joins the lobby: %s", code)
	}
	var ack struct{ Code string }
	check.NoError(t, json.Unmarshal(kim.Ask("some:other-event", `{}`), &ack))
	if ack.Code != "INVALID_REQUEST" {
		t.Errorf("an unknown event: %+v", ack)
	}
	if received := lee.Received(); len(received) > 0 {
		t.Errorf("lee received %v", received)
	}
	cluster.happened("SessionStarted kim", "ParticipantJoined kim", "ParticipantJoined lee")
}
