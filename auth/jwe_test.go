package auth_test

import (
	"strings"
	"testing"
)

// With the secret, tokens with any of these headers can be made. Only those that the packages write are accepted.
func TestAcceptedAndRefusedHeaders(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	const claims = `{"id":"user-456"}`
	user := "user-456"
	for header, want := range map[string]*string{
		v4Header:                        &user,
		`{"enc":"A256GCM","alg":"dir"}`: &user,
		`{"alg":"dir","enc":"A256GCM","typ":"JWT"}`: &user,
		// next-auth 4 knows no kid, and overlooks one.
		`{"alg":"dir","enc":"A256GCM","kid":"any"}`:                    &user,
		`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`:                    nil,
		`{"alg":"dir","enc":"A256GCM","zip":""}`:                       nil,
		`{"alg":"dir","enc":"A256GCM","zip":null}`:                     nil,
		`{"alg":"dir","enc":"A256GCM","crit":["exp"],"exp":1}`:         nil,
		`{"alg":"dir","enc":"A256GCM","jwk":{"kty":"oct","k":"AAAA"}}`: nil,
		`{"alg":"dir","enc":"A256GCM","p2c":2147483647,"p2s":"AAAA"}`:  nil,
		`{"alg":"dir","enc":"A256GCM","kid":7}`:                        nil,
		`{"alg":"dir","alg":"dir","enc":"A256GCM"}`:                    nil,
		`{"alg":"none","alg":"dir","enc":"A256GCM"}`:                   nil,
		`{"Alg":"dir","enc":"A256GCM"}`:                                nil,
		`{"alg":"DIR","enc":"A256GCM"}`:                                nil,
		`{"alg":"dir","enc":"a256gcm"}`:                                nil,
		`{"alg":"dir","enc":["A256GCM"]}`:                              nil,
		`{"alg":"dir","enc":"A256CBC-HS512"}`:                          nil,
		`{"alg":"none","enc":"A256GCM"}`:                               nil,
		`{"alg":"A256KW","enc":"A256GCM"}`:                             nil,
		`{"alg":"dir"}`:                                                nil,
		`{"enc":"A256GCM"}`:                                            nil,
		`{}`:                                                           nil,
		`null`:                                                         nil,
		`[]`:                                                           nil,
		``:                                                             nil,
		`{"alg":"dir","enc":"A256GCM"}{}`:                              nil,
		`{"alg":"dir","enc":"A256GCM","typ":` + strings.Repeat("[", 5000) + `}`:     nil,
		`{"alg":"dir","enc":"A256GCM","x5c":["` + strings.Repeat("A", 8000) + `"]}`: nil,
		`{"alg":"dir","enc":"A256GCM","apu":"AAAA"}`:                                nil,
	} {
		token := seal(t, s.Secrets[0], header, claims)
		got, err := n.Token(token)
		then(t, header, want, got, err, token)
	}
}

// A lax reader takes these texts for the same token.
func TestMalformedTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	for _, name := range []string{"v4", "v5"} {
		token := s.token(t, name)
		parts := strings.Split(token, ".")
		if _, err := n.Token(token); err != nil {
			t.Fatal(err)
		}
		refused(t, n, "the dot moved to the right", strings.Join([]string{parts[0], "", parts[2], parts[3] + parts[4][:4], parts[4][4:]}, "."))
		refused(t, n, "an encrypted key", strings.Join([]string{parts[0], "AAAA", parts[2], parts[3], parts[4]}, "."))
		refused(t, n, "JSON", `{"protected":"`+parts[0]+`","iv":"`+parts[2]+`","ciphertext":"`+parts[3]+`","tag":"`+parts[4]+`"}`)
		refused(t, n, "no tag", strings.Join([]string{parts[0], "", parts[2], parts[3], ""}, "."))
		refused(t, n, "no ciphertext", strings.Join([]string{parts[0], "", parts[2], "", parts[4]}, "."))
		refused(t, n, "no initialisation vector", strings.Join([]string{parts[0], "", "", parts[3], parts[4]}, "."))
		refused(t, n, "a longer initialisation vector", strings.Join([]string{parts[0], "", parts[2] + "AAAA", parts[3], parts[4]}, "."))
		for _, ascii := range []string{"", ".", "....", ".....", parts[0], parts[0] + "....", "null", `""`, "user-456", "Bearer " + token} {
			refused(t, n, ascii, ascii)
		}
	}
}

// If a ciphertext has 3n bytes, the dot before the tag can be moved without an error of base64, and ciphertext and tag together
// stay the same.
func TestADotMovedBeforeTheTagIsRefused(t *testing.T) {
	t.Parallel()
	s := recorded(t)
	n := s.nextAuth(t)
	token := seal(t, s.Secrets[0], v4Header, `{"id":"user-456"} `)
	if user, err := n.Token(token); user != "user-456" || err != nil {
		t.Fatalf("%q, %v", user, err)
	}
	parts := strings.Split(token, ".")
	for at := 0; at < len(parts[3]); at += 4 {
		refused(t, n, "the dot moved", strings.Join([]string{parts[0], "", parts[2], parts[3][:at], parts[3][at:] + parts[4]}, "."))
	}
}
