package realtime_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/realtime/realtimetest"
)

// golden compares a payload with testdata/<name>.json, after replacing socket ids and times. With UPDATE_GOLDEN set it writes the file
// instead. Review every change of these files, because clients rely on them.
func golden(t *testing.T, name string, payload json.RawMessage, clients map[string]*realtimetest.Client) {
	t.Helper()
	text := string(payload)
	for who, c := range clients {
		text = strings.ReplaceAll(text, c.ID, "socket-of-"+who)
	}
	text = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`).ReplaceAllString(text, `"2025-11-19T10:30:00.000Z"`)
	text = regexp.MustCompile(`"[A-Z2-7]{26}"`).ReplaceAllString(text, `"some-id"`)
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
		t.Fatalf("%s: %v: %s", name, err, text)
	}
	indented.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		check.NoError(t, os.WriteFile(file, indented.Bytes(), 0o600))
	}
	want, err := os.ReadFile(file)
	check.NoError(t, err)
	if indented.String() != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, indented.String(), want)
	}
}

// A whole call of two users, over both transports. Each event has its golden shape, and each change is recorded.
func TestACallFromTheFirstJoinToTheLastLeave(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"socket.io", "plain"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t)
			server := cluster.server()
			kim, lee := server.as("kim"), server.as("lee")
			if transport == "plain" {
				kim, lee = server.plainAs("kim"), server.plainAs("lee")
			}
			who := map[string]*realtimetest.Client{"kim": kim, "lee": lee}

			kim.Must("video:join-room", inRoom)
			golden(t, "room_state_alone", kim.Expect("video:room-state"), who)
			kim.Must("video:toggle-audio", `{"roomId":"study-go-main","isMuted":true}`)
			lee.Must("video:join-room", inRoom)
			golden(t, "room_state", lee.Expect("video:room-state"), who)
			golden(t, "user_joined", kim.Expect("video:user-joined"), who)

			lee.Emit("video:offer", `{"to":"`+kim.ID+`","offer":{"type":"offer","sdp":"v=0\r\n"}}`)
			golden(t, "offer", kim.Expect("video:offer"), who)
			kim.Emit("video:answer", `{"to":"`+lee.ID+`","answer":{"type":"answer","sdp":"v=0\r\n"}}`)
			golden(t, "answer", lee.Expect("video:answer"), who)
			lee.Must("video:ice-candidate", `{"to":"`+kim.ID+`","candidate":null}`)
			golden(t, "candidate_null", kim.Expect("video:ice-candidate"), who)

			lee.Must("video:toggle-audio", `{"roomId":"study-go-main","isMuted":true}`)
			golden(t, "peer_audio_changed", kim.Expect("video:peer-audio-changed"), who)
			lee.Must("video:toggle-video", `{"roomId":"study-go-main","isVideoOff":true}`)
			golden(t, "peer_video_changed", kim.Expect("video:peer-video-changed"), who)
			lee.Must("video:screen-share-start", `{"roomId":"study-go-main"}`)
			golden(t, "peer_screen_share", kim.Expect("video:peer-screen-share"), who)
			golden(t, "screen_share_started", kim.Expect("video:screen-share-started"), who)
			golden(t, "screen_share_taken_ack", kim.Ask("video:screen-share-start", `{"roomId":"study-go-main"}`), who)
			golden(t, "screen_share_taken", kim.Expect("error"), who)
			lee.Must("video:screen-share-stop", `{"roomId":"study-go-main"}`)
			golden(t, "peer_screen_share_stopped", kim.Expect("video:peer-screen-share"), who)
			golden(t, "screen_share_stopped", kim.Expect("video:screen-share-stopped"), who)

			lee.Must("video:speaking", `{"roomId":"study-go-main","speaking":true}`)
			golden(t, "user_speaking", kim.Expect("video:user-speaking"), who)
			lee.Must("chat:video-message", `{"roomId":"study-go-main","message":"안녕 👋"}`)
			golden(t, "message_received", kim.Expect("chat:video-message-received"), who)
			golden(t, "message_received", lee.Expect("chat:video-message-received"), who)
			lee.Must("chat:video-file", `{"roomId":"study-go-main","file":{"name":"a.pdf","size":7,"url":"https://example.com/a.pdf"}}`)
			golden(t, "file_received", kim.Expect("chat:video-file-received"), who)

			kim.Must("presence:join-study", `{"studyId":"go"}`)
			golden(t, "study_joined", kim.Expect("presence:study-joined"), who)
			lee.Must("presence:join-study", `{"studyId":"go"}`)
			golden(t, "user_online", kim.Expect("presence:user-online"), who)
			lee.Must("video:leave-room", `{"roomId":"study-go-main"}`)
			golden(t, "user_left", kim.Expect("video:user-left"), who)
			lee.Drop()
			golden(t, "user_offline", kim.Expect("presence:user-offline"), who)
			kim.Must("video:leave-room", `{"roomId":"study-go-main"}`)
			kim.Must("video:leave-room", `{"roomId":"study-go-main"}`)
			kim.Expect("video:ended") // kim is still in the lobby
			golden(t, "error", refusedError(kim, "video:offer", `{"to":"nobody","offer":1}`), who)
			if received := kim.Received(); len(received) > 0 {
				t.Errorf("kim received more: %v", received)
			}

			cluster.happened("SessionStarted kim", "ParticipantJoined kim", "AudioMuted kim", "ParticipantJoined lee", "AudioMuted lee",
				"VideoTurnedOff lee", "ScreenShareStarted lee", "ScreenShareStopped lee", "ParticipantLeft lee left",
				"ParticipantLeft kim left", "SessionEnded everyoneLeft")
			if count := cluster.count(`select count(*) from connections`); count != 0 {
				t.Errorf("%d leases are left", count)
			}
		})
	}
}

// refusedError returns the error event of a refused message.
func refusedError(c *realtimetest.Client, event, data string) json.RawMessage {
	c.Emit(event, data)
	return c.Expect("error")
}
