package auth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/studycall/studycall/auth"
)

// refused checks that a token is refused.
func refused(t *testing.T, n *auth.NextAuth, what, token string) {
	t.Helper()
	if user, err := n.Token(token); !errors.Is(err, auth.ErrUnauthenticated) || user != "" {
		t.Errorf("%s: %q, %v", what, user, err)
	}
}

// Each byte of each valid token is changed in several ways: in one bit, so that the last character of a part differs in a bit that
// base64 does not use; to another letter of base64; and to a byte outside the base64 alphabet. With -short, it is every 16th byte.
func TestATokenAlteredInOneByteIsRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for _, c := range s.valid() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			altered := []byte(c.Token)
			for i, was := range altered {
				if testing.Short() && i%16 != 0 {
					continue
				}
				ways := []byte{was ^ 1, 'A', was ^ 2, was ^ 0x20, 'Q', '_', '.', '\n', '=', 0, 0xff}
				if len(altered) > 1000 {
					ways = ways[:2] // each try costs as much as the token is long
				}
				for _, b := range ways {
					if b != was {
						altered[i] = b
						refused(t, n, "altered", string(altered))
					}
				}
				altered[i] = was
			}
		})
	}
}

func TestATruncatedTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for _, c := range s.valid() {
		for i := range c.Token {
			refused(t, n, "without its end", c.Token[:i])
			if i > 0 {
				refused(t, n, "without its start", c.Token[i:])
			}
		}
	}
}

// Bytes that decoders of base64 overlook must not make a second text of the same token.
func TestATokenWithAnotherByteIsRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for _, name := range []string{"v4", "v5"} {
		token := s.token(t, name)
		for i := range len(token) + 1 {
			for _, more := range []string{"A", ".", "=", "\n", "\r", " ", "\x00", "%2E"} {
				refused(t, n, "with "+more, token[:i]+more+token[i:])
			}
		}
	}
}

// A part whose length is no multiple of 4 has unused bits in its last character, which a lax decoder ignores.
func TestUnusedBitsOfBase64MustBeZero(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, c := range s.valid() {
		parts := strings.Split(c.Token, ".")
		for i, part := range parts {
			if part == "" {
				continue
			}
			for _, last := range alphabet {
				other := slices.Clone(parts)
				other[i] = part[:len(part)-1] + string(last)
				if other[i] != part {
					refused(t, n, c.Name, strings.Join(other, "."))
				}
			}
		}
	}
}

func TestAMixOfTwoTokensIsRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	one, other := strings.Split(s.token(t, "v4"), "."), strings.Split(s.token(t, "v4 over HTTPS"), ".")
	for i := range one {
		mixed := slices.Clone(one)
		mixed[i] = other[i]
		if i != 0 && mixed[i] != one[i] { // the first two are the same in every token
			refused(t, n, "a part of another token", strings.Join(mixed, "."))
		}
	}
}

func TestATokenOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	token := s.token(t, "v4")
	parts := strings.Split(token, ".")
	million := strings.Repeat("A", 1<<20)
	for _, long := range []string{
		million, token + million, token + "." + million, strings.Repeat(".", 1<<20), strings.Repeat(token+".", 1<<11),
		million + token[len(parts[0]):], parts[0] + "." + million + token[len(parts[0])+1:],
	} {
		refused(t, n, "a million bytes", long)
		for _, r := range []string{"next-auth.session-token=" + long, strings.Repeat("a=b;", 1<<18) + "next-auth.session-token=" + token} {
			if _, err := n.Authenticate(withCookies(r)); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("%d bytes of cookies: %v", len(r), err)
			}
		}
		if _, err := n.Authenticate(withBearer(long)); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("a bearer token of %d bytes: %v", len(long), err)
		}
	}
}

// Refusing a token of a million bytes allocates nothing.
//
//nolint:paralleltest // AllocsPerRun counts what other tests allocate too
func TestTheLimitIsCheckedBeforeParsing(t *testing.T) {
	s := recorded(t)
	n := s.nextAuth(t)
	long := s.token(t, "v4") + strings.Repeat("A", 1<<20)
	if allocs := testing.AllocsPerRun(10, func() { _, _ = n.Token(long) }); allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}
