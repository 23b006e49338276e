package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/check"
)

func TestTimesAreUTCWithThreeDecimals(t *testing.T) {
	t.Parallel()
	seoul := time.FixedZone("", 9*60*60)
	for want, at := range map[string]time.Time{
		"null":                       {},
		`"2025-11-19T10:30:00.000Z"`: time.Date(2025, 11, 19, 19, 30, 0, 0, seoul),
		`"2025-11-19T10:30:00.120Z"`: time.Date(2025, 11, 19, 10, 30, 0, 120_999_999, time.UTC),
	} {
		got, err := json.Marshal(api.Time(at))
		check.NoError(t, err)
		if string(got) != want {
			t.Errorf("%v: got %s, want %s", at, got, want)
		}
	}
}
