package domain_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
)

func TestRoomIDs(t *testing.T) {
	t.Parallel()
	if got := domain.RoomID("study-123"); got != "study-study-123-main" {
		t.Errorf("the room of study-123 is %q", got)
	}
	for _, other := range []string{"", "study-", "-main", "study--main", "study-123", "room-123-main", "study-123-main "} {
		if study, ok := domain.StudyOfRoom(other); ok {
			t.Errorf("%q is taken for the room of %q", other, study)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		study := rapid.StringN(1, 50, 200).Draw(t, "study")
		if got, ok := domain.StudyOfRoom(domain.RoomID(study)); !ok || got != study {
			t.Errorf("the room of %q is of %q (%v)", study, got, ok)
		}
	})
}
