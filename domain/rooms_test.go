package domain_test

import (
	"testing"

	"github.com/studycall/studycall/domain"
)

func TestRoomID(t *testing.T) {
	t.Parallel()
	if got := domain.RoomID("study-123"); got != "study-study-123-main" {
		t.Errorf("the room of study-123 is %q", got)
	}
}
