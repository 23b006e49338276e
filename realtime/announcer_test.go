package realtime_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/studycall/studycall/check"
)

// followsTheLog waits until the server follows the log. Then it opens feeds.
func (s *server) followsTheLog() {
	s.cluster.t.Helper()
	url := "ws" + strings.TrimPrefix(s.url, "http") + "/api/my-studies/" + study + "/video-call/events?userId=kim"
	check.Eventually(s.cluster.t, "the server follows the log", func() bool {
		conn, response, err := websocket.DefaultDialer.DialContext(s.cluster.t.Context(), url, nil)
		if err == nil {
			return conn.Close() == nil
		}
		if response == nil || response.StatusCode != http.StatusServiceUnavailable {
			s.cluster.t.Fatalf("the feed is refused: %v", err)
		}
		_ = response.Body.Close()
		return false
	})
}

// The start and the end of a call are announced to the study's lobbies on all servers.
func TestCallsAreAnnounced(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"here", "there"} {
		cluster := newCluster(t)
		here, there := cluster.server(), cluster.server()
		watching := map[string]*server{"here": here, "there": there}[name]
		watching.followsTheLog()
		who := watching.as("choi")
		who.Must("presence:join-study", `{"studyId":"go"}`)
		otherStudy := watching.as("choi")
		otherStudy.Must("presence:join-study", `{"studyId":"rust"}`)
		lee := here.in("lee")
		started := who.Expect("video:started")
		lee.Must("video:leave-room", inRoom)
		ended := who.Expect("video:ended")
		var session struct {
			Session struct{ ID, StartedAt string }
		}
		check.NoError(t, json.Unmarshal(started, &session))
		want := `{"studyId":"go","session":{"id":"` + session.Session.ID + `","studyId":"go","roomId":"study-go-main","startedBy":"lee","startedAt":"` +
			session.Session.StartedAt + `","endedAt":null,"duration":null,"starter":{"id":"lee","name":"이영희","avatar":null}}}`
		if string(started) != want {
			t.Errorf("%s: got  %s\nwant %s", name, started, want)
		}
		if want := `{"studyId":"go","sessionId":"` + session.Session.ID + `"}`; string(ended) != want {
			t.Errorf("%s: got  %s\nwant %s", name, ended, want)
		}
		for _, received := range otherStudy.Received() {
			if strings.HasPrefix(received.Name, "video:") {
				t.Errorf("%s: somebody in another study received %s", name, received.Name)
			}
		}
	}
}
