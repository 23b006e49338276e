package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/go-jose/go-jose/v4"
)

// The encryptions of next-auth 4.24.13 (jwt/index.js) and @auth/core 0.41.3 (jwt.js). Neither uses another.
const (
	v4Encryption = jose.A256GCM
	v5Encryption = jose.A256CBC_HS512
)

// key decrypts the tokens of one secret, one format and, in v5, one cookie name.
type key struct {
	encryption jose.ContentEncryption
	material   []byte
	cookie     string // v5: the name of the cookie that the key is for; v4: ""
	id         string // v5: the id of the key in a token's header
}

// opens reports whether a token may have been made with the key. The cookie is the one that the token came in, or "".
func (k key) opens(h header, cookie string) bool {
	if k.encryption != h.encryption {
		return false
	}
	return k.encryption == v4Encryption || (cookie == "" || cookie == k.cookie) && (h.keyID == "" || h.keyID == k.id)
}

// deriveKey derives a key from a secret (RFC 5869 with SHA-256) as next-auth 4 does or, with the name of a cookie, as @auth/core
// does.
func deriveKey(secret, cookie string) (key, error) {
	k := key{encryption: v4Encryption}
	info, size := "NextAuth.js Generated Encryption Key", 32
	if cookie != "" {
		k = key{encryption: v5Encryption, cookie: cookie}
		info, size = "Auth.js Generated Encryption Key ("+cookie+")", 64
	}
	var err error
	if k.material, err = hkdf.Key(sha256.New, []byte(secret), []byte(cookie), info, size); err != nil {
		return key{}, fmt.Errorf("derive a key for %s: %w", k.encryption, err)
	}
	if cookie != "" {
		k.id = thumbprint(k.material)
	}
	return k, nil
}

// thumbprint returns the thumbprint of a symmetric key (RFC 7638), with SHA-512.
func thumbprint(material []byte) string {
	sum := sha512.Sum512([]byte(`{"k":"` + base64.RawURLEncoding.EncodeToString(material) + `","kty":"oct"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// ErrNoSecret is the error of a missing or empty secret.
var ErrNoSecret = errors.New("no secret")

// ParseSecrets reads a list of secrets, newest first, separated by commas. A secret is the text between two commas, byte for
// byte, as the web app reads its own: not trimmed, not decoded. So a secret cannot contain a comma. The error wraps ErrNoSecret
// if the list or an element is empty. A space beside a comma is an error too, because it would silently become part of a
// secret. No error repeats any part of the list.
func ParseSecrets(list string) ([]string, error) {
	secrets := strings.Split(list, ",")
	for i, secret := range secrets {
		if secret == "" {
			return nil, fmt.Errorf("%w at place %d of %d", ErrNoSecret, i+1, len(secrets))
		}
		first, last := i == 0, i == len(secrets)-1
		if !first && strings.TrimLeftFunc(secret, unicode.IsSpace) != secret ||
			!last && strings.TrimRightFunc(secret, unicode.IsSpace) != secret {
			return nil, fmt.Errorf("there is a space beside a comma at place %d of %d: secrets are taken as they are, so write none",
				i+1, len(secrets))
		}
	}
	return secrets, nil
}
