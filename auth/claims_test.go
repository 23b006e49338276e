package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The cases complement those of testdata/generate with texts that JSON.stringify would not write.
func TestUserAndTimesOfClaims(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	user, other := "user-456", "user-100"
	for claims, want := range map[string]*string{
		`{"id":"user-456"}`:                  &user,
		`{"sub":"user-456"}`:                 &user,
		`{"id":"user-456","sub":"user-100"}`: &user,
		`{"sub":"user-100","id":"user-456"}`: &user,
		"{\n\t\"id\" : \"user-456\" }":       &user,
		`{"\u0069d":"user\u002d456"}`:        &user,
		`{"id":"user-456","id":"user-100"}`:  &other, // as JSON.parse
		`{"id":"user-456","exp":1e300}`:      &user,
		`{"id":"user-456","exp":1e400}`:      nil,
		`{"id":"user-456","exp":-1}`:         nil,
		`{"id":"user-456","exp":0}`:          nil,
		`{"id":"user-456","exp":true}`:       nil,
		`{"id":"user-456","exp":[1e300]}`:    nil,
		`{"id":"user-456","nbf":-1e300}`:     &user,
		`{"id":"user-456","nbf":{}}`:         nil,
		`{"id":"user-456","iat":"now"}`:      nil,
		`{"id":["user-456"]}`:                nil,
		`{"id":{"id":"user-456"}}`:           nil,
		`{"id":"","sub":"user-456"}`:         nil,
		`{"id":null,"sub":"user-456"}`:       nil,
		`{"id":false,"sub":"user-456"}`:      nil,
		`{"ID":"user-456","Sub":"user-456"}`: nil,
		`{"user":{"id":"user-456"}}`:         nil,
		`{"id":"user-456"`:                   nil,
		`{"id":"user-456"}{}`:                nil,
		`{"id":"user-` + "\xff" + `"}`:       nil,
		`"user-456"`:                         nil,
		``:                                   nil,
		`{}`:                                 nil,
		`[]`:                                 nil,
		`null`:                               nil,
		strings.Repeat(`{"id":`, 2000):       nil,
		"\ufeff" + `{"id":"user-456"}`:       nil,
	} {
		token := seal(t, s.Secrets[0], v4Header, claims)
		got, err := n.Token(token)
		then(t, claims, want, got, err, token)
	}
}

// The tolerance is 15 seconds, and the bounds are those of jose.
func TestTimesAreComparedInWholeSeconds(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	user := "user-456"
	moment := s.Clock.Unix()
	for _, c := range []struct {
		claim string
		after time.Duration // on our clock, since the claim's time
		want  *string
	}{
		{"exp", 0, &user},
		{"exp", 14*time.Second + 999*time.Millisecond, &user},
		{"exp", 15 * time.Second, nil},
		{"exp", 16 * time.Second, nil},
		{"nbf", 0, &user},
		{"nbf", -15 * time.Second, &user},
		{"nbf", -15*time.Second - time.Millisecond, nil},
		{"nbf", -16 * time.Second, nil},
		{"iat", -time.Hour, &user},
	} {
		at := s
		at.Clock = s.Clock.Add(c.after)
		token := seal(t, s.Secrets[0], v4Header, fmt.Sprintf(`{"id":"user-456",%q:%d}`, c.claim, moment))
		got, err := at.nextAuth(t).Token(token)
		then(t, fmt.Sprintf("%s %v ago", c.claim, c.after), c.want, got, err, token)
	}
}
