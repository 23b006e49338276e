package seed_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/seed"
)

func zone(tb rapid.TB, name string) *time.Location {
	tb.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return location
}

// inSeoul returns a past in the time zone of Seoul.
func inSeoul(t *testing.T, number uint64, sessions int) seed.Past {
	t.Helper()
	return seed.Past{Seed: number, Sessions: sessions, Until: time.Date(2025, 11, 20, 0, 0, 0, 0, zone(t, "Asia/Seoul"))}
}

// anyPast draws a past of any seed, size, date and time zone.
func anyPast(t *rapid.T) seed.Past {
	day := rapid.IntRange(0, 9000).Draw(t, "day")
	location := zone(t, rapid.SampledFrom([]string{"Asia/Seoul", "UTC", "America/New_York", "Asia/Kolkata"}).Draw(t, "zone"))
	return seed.Past{
		Seed:     rapid.Uint64().Draw(t, "seed"),
		Sessions: rapid.IntRange(1, 100).Draw(t, "sessions"),
		Until:    time.Date(2001, 1, 1+day, 0, 0, 0, 0, location),
	}
}

// allEvents returns all events of a study.
func allEvents(study seed.Study) []domain.Event {
	var events []domain.Event
	for session := range study.Sessions() {
		events = append(events, session...)
	}
	return events
}
