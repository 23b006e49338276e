package language_test

import (
	"strings"
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/language"
)

func TestPreferredHasTheGreatestWeight(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]domain.Language{
		"":                               domain.Korean,
		"*":                              domain.Korean,
		"fr":                             domain.Korean,
		"en":                             domain.English,
		"EN-gb":                          domain.English,
		"ko-KR,ko;q=0.9,en;q=0.8":        domain.Korean,
		"en;q=0.8,ko;q=0.9":              domain.Korean,
		"ko;q=0.5, en":                   domain.English,
		"en;q=0.5, ko;q=0.5":             domain.English,
		"en;q=0":                         domain.Korean,
		"???,en":                         domain.English,
		strings.Repeat("x,", 300) + "en": domain.Korean, // beyond the limit
	} {
		if got := language.Preferred([]string{header}); got != want {
			t.Errorf("%.40q: %v, want %v", header, got, want)
		}
	}
	if got := language.Preferred([]string{"fr", "en"}); got != domain.English {
		t.Errorf("two headers: %v", got)
	}
}

// FuzzPreferred checks that any header leads to one of the two languages, without a panic.
func FuzzPreferred(f *testing.F) {
	f.Add("ko-KR,ko;q=0.9,en;q=0.8")
	f.Add("en;q=x, \x00, zh-Hant-CN-x-private1-private2;q=0.1")
	f.Fuzz(func(t *testing.T, header string) {
		if got := language.Preferred([]string{header}); got != domain.Korean && got != domain.English {
			t.Errorf("%q: %v", header, got)
		}
	})
}
