package seed_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/seed"
)

// A change of this hash changes every generated past: benchmarks then run on other events.
func TestThePastDoesNotChangeBetweenVersions(t *testing.T) {
	t.Parallel()
	hash := sha256.New()
	for n := 1; n <= 3; n++ {
		study := inSeoul(t, 1, 50).Study(n)
		_, _ = fmt.Fprintln(hash, study.ID, study.Name)
		for _, m := range study.Members {
			_, _ = fmt.Fprintln(hash, m.UserID, m.Name, m.Email, m.Role, m.Status)
		}
		for _, event := range allEvents(study) {
			_, _ = fmt.Fprintf(hash, "%T %+v\n", event, event)
		}
	}
	const want = "a0c6084224e5517652daf0fb6d4c108f22c47056e63513f06f5a8fb6a05d5b4a"
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("the past's hash is %s, want %s", got, want)
	}
}

func TestTheSameSeedGivesTheSamePast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		past := anyPast(t)
		n := rapid.IntRange(1, 1000).Draw(t, "study")
		first, again := past.Study(n), past.Study(n)
		if !reflect.DeepEqual(first, again) || !reflect.DeepEqual(allEvents(first), allEvents(again)) {
			t.Error("two runs differ")
		}
	})
}

func TestStudiesAndSeedsHaveNoIDInCommon(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	first := func(id string) {
		if seen[id] {
			t.Errorf("%s is repeated", id)
		}
		seen[id] = true
	}
	for number := range uint64(5) {
		for n := 1; n <= 12; n++ {
			study := inSeoul(t, number, 20).Study(n)
			first(study.ID)
			for _, m := range study.Members {
				first(m.UserID)
			}
			for _, event := range allEvents(study) {
				switch e := event.(type) {
				case domain.SessionStarted:
					first(e.SessionID)
				case domain.ParticipantJoined:
					if key := e.SessionID + e.UserID; !seen[key] { // not a rejoin
						seen[key] = true
						first(e.ParticipantID)
					}
				}
			}
		}
	}
}

func TestNamesAreKoreanAndRolesAreSet(t *testing.T) {
	t.Parallel()
	study := inSeoul(t, 0, 1).Study(1)
	if study.ID != "seed-study-1" || study.Name != "알고리즘 스터디" || study.Members[0].UserID != "seed-user-1-1" {
		t.Errorf("the first study is %s, %s, of %+v", study.ID, study.Name, study.Members)
	}
	if other := inSeoul(t, 7, 1).Study(21); other.ID != "seed-7-study-21" || other.Name != "알고리즘 스터디 2기" {
		t.Errorf("the 21st study of seed 7 is %s, %s", other.ID, other.Name)
	}
	for n := range 100 {
		members := inSeoul(t, 3, 1).Study(n + 1).Members
		if len(members) < 4 || len(members) > 15 {
			t.Errorf("a study has %d members", len(members))
		}
		for i, m := range members {
			role, status := domain.Member, domain.Active
			switch i {
			case 0:
				role = domain.Owner
			case 1:
				role = domain.Admin
			case len(members) - 1:
				status = "LEFT"
			}
			if letters := len([]rune(m.Name)); letters != 3 || m.Role != role || m.Status != status {
				t.Errorf("member %d of %d is %+v", i, len(members), m)
			}
		}
	}
}

func TestIterationOfSessionsCanStop(t *testing.T) {
	t.Parallel()
	for session := range inSeoul(t, 0, 100).Study(1).Sessions() {
		if len(session) < 2 || session[0].OccurredAt().After(time.Date(2025, 11, 20, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("the first session is %+v", session)
		}
		break
	}
}

func BenchmarkSessions(b *testing.B) {
	until := time.Date(2025, 11, 20, 0, 0, 0, 0, zone(b, "Asia/Seoul"))
	events := 0
	b.ReportAllocs()
	for b.Loop() {
		events += len(allEvents(seed.Past{Sessions: 100, Until: until}.Study(1)))
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
