package realtime

import (
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// Of two toggles that the record refuses one after the other, the room ends with what the record has.
func TestTwoTogglesThatAreRefused(t *testing.T) {
	t.Parallel()
	rs, told := newRooms(Unconnected{}), &heard{}
	c := newClient("kim's", membership.User{ID: "kim"}, domain.English, told, newLimits(DefaultRates()))
	m := &member{client: c}
	rs.enter(c, "study-go-main", "go", func(r *room) { r.entered(m, domain.Participant{UserID: "kim"}) })
	s, of := &Server{}, func(m *member) *toggle { return &m.person.muted }
	ch := change{of: of, undo: func(r *room, m *member) { r.untoggled(m, of, (*member).audioChanged) }}
	first := m.room.toggled(m, true, of, (*member).audioChanged)
	second := m.room.toggled(m, false, of, (*member).audioChanged)
	s.takeBack(m.room, m, first, ch)
	s.takeBack(m.room, m, second, ch)
	if m.person.muted.on {
		t.Error("is muted, and never was by the record")
	}
}
