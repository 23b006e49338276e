package realtime

import (
	"testing"

	"github.com/studycall/studycall/check"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// After two toggles in a row are refused, the room shows the recorded value again.
func TestTwoRefusedTogglesRevertToTheRecordedValue(t *testing.T) {
	t.Parallel()
	rooms := newRooms()
	c := newClient("kim's", membership.User{ID: "kim"}, domain.English, &inbox{}, newLimits(DefaultRates()))
	rooms.enter("study-go-main", "go", entry{client: c, participant: domain.Participant{UserID: "kim"}})
	r := c.room("study-go-main")
	var changes []change
	for _, muted := range []bool{true, false} {
		check.NoError(t, r.toggle(c, domain.Muted, muted, func(ch change) { changes = append(changes, ch) }))
	}
	for _, ch := range changes {
		ch.revert()
	}
	if r.people["kim"].toggles[domain.Muted].on {
		t.Error("kim is muted, and never was by the record")
	}
}
