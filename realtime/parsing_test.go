package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// Every parser returns either a well-formed value or an error that the client may see, and does not panic.
func FuzzParsing(f *testing.F) {
	for _, seed := range []string{
		`{"studyId":"go","roomId":"study-go-main"}`, `{"roomId":"r","isMuted":true}`, `{"to":"x","offer":{"sdp":"…"}}`,
		`{"to":"x","to":"y","offer":null}`, `{`, `[]`, `null`, ``, `{"roomId":"\ud800"}`, `{"userId":"kim","token":null}`, "{\"to\":\"\x00\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		refused := func(err error) bool {
			if known := (*domain.Error)(nil); err != nil && (!errors.As(err, &known) || known.Code != domain.InvalidRequest) {
				t.Errorf("the error is %v", err)
			}
			return err != nil
		}
		if study, room, err := parseJoin(data); !refused(err) && (!membership.PossibleID(study) || room != domain.RoomID(study)) {
			t.Errorf("joins %q of %q", room, study)
		}
		if room, _, err := parseToggle(data, "isMuted"); !refused(err) && (room == "" || len(room) > roomIDLimit) {
			t.Errorf("toggles in %q", room)
		}
		to, content, err := parseRelay(data, "offer")
		if !refused(err) {
			sent := bytes.Join(relayedMessage("video:offer", "offer", "me", content).parts, nil)
			if !json.Valid(sent) || to == "" || len(to) > socketIDLimit || content != nil && !strings.Contains(string(sent), string(content)) {
				t.Errorf("sends %q to %q", sent, to)
			}
		}
		if _, err := auth.ParseClaims(data); err != nil && !errors.Is(err, auth.ErrBadPayload) {
			t.Errorf("the claims: %v", err)
		}
	})
}
