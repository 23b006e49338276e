package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/studycall/studycall/auth"
)

func TestMintedTokensAreAccepted(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for _, session := range []auth.Session{
		{UserID: "user-456"},
		{UserID: "user-456", Name: "김철수", Email: "chulsoo@example.com", Picture: "https://example.com/a.png"},
		{UserID: `"<&>\` + "\x00 누구"},
	} {
		for _, secret := range s.Secrets {
			token, err := auth.Mint(secret, session, s.Clock, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			got, err := n.Token(token)
			then(t, "minted", &session.UserID, got, err, token)
		}
	}
}

func TestMintedTokensExpire(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	user := "user-456"
	token, err := auth.Mint(s.Secrets[0], auth.Session{UserID: user}, s.Clock, time.Minute+900*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for later, want := range map[time.Duration]*string{0: &user, time.Minute + 14*time.Second: &user, time.Minute + 15*time.Second: nil} {
		at := s
		at.Clock = s.Clock.Add(later)
		got, err := at.nextAuth(t).Token(token)
		then(t, later.String(), want, got, err, token)
	}
}

func TestMintedTokensDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		token, err := auth.Mint("secret", auth.Session{UserID: "user-456"}, time.Unix(0, 0), time.Hour)
		if err != nil || seen[token] {
			t.Fatalf("%q again, or %v", token, err)
		}
		seen[token] = true
		if !strings.HasPrefix(token, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..") {
			t.Errorf("its header is not next-auth's: %s", token)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	if token, err := auth.Mint("", auth.Session{UserID: "user-456"}, time.Now(), time.Hour); !errors.Is(err, auth.ErrNoSecret) || token != "" {
		t.Errorf("without a secret: %q, %v", token, err)
	}
	for says, c := range map[string]struct {
		session auth.Session
		maxAge  time.Duration
	}{
		"no user":           {auth.Session{}, time.Hour},
		"at least a second": {auth.Session{UserID: "user-456"}, time.Second - 1},
		"-1h":               {auth.Session{UserID: "user-456"}, -time.Hour},
		"more than":         {auth.Session{UserID: strings.Repeat("u", 16<<10)}, time.Hour},
	} {
		token, err := auth.Mint("secret", c.session, time.Now(), c.maxAge)
		if err == nil || !strings.Contains(err.Error(), says) || token != "" {
			t.Errorf("%q, %v; want %q", token, err, says)
		}
	}
}
