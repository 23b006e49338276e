package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
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
		// The thumbprint of a symmetric key (RFC 7638), with SHA-512.
		sum := sha512.Sum512([]byte(`{"k":"` + base64.RawURLEncoding.EncodeToString(k.material) + `","kty":"oct"}`))
		k.id = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return k, nil
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

// Session holds what a session token states about its user. Empty fields are left out; UserID must not be empty.
type Session struct {
	UserID  string
	Name    string
	Email   string
	Picture string // a URL
}

// Mint makes the session token that next-auth 4 would make with the secret. Claims and encryption are those of its encode
// (next-auth 4.24.13, jwt/index.js), plus the id that the web app adds. The token is issued at the given time and expires maxAge
// later, both in whole seconds. maxAge must be at least one second.
//
// The error is ErrNoSecret without a secret. A session without a user is an error, and one so large that no authenticator would
// accept its token.
func Mint(secret string, session Session, issued time.Time, maxAge time.Duration) (string, error) {
	switch {
	case secret == "":
		return "", ErrNoSecret
	case session.UserID == "":
		return "", errors.New("mint a session token: no user")
	case maxAge < time.Second:
		return "", fmt.Errorf("mint a session token: the lifetime is %v, and must be at least a second", maxAge)
	}
	token, err := mint(secret, session, issued.Unix(), int64(maxAge/time.Second))
	if err != nil {
		return "", fmt.Errorf("mint a session token: %w", err)
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("mint a session token: it has %d bytes, more than %d", len(token), maxToken)
	}
	return token, nil
}

// mint encrypts the claims. Times are in seconds.
func mint(secret string, session Session, issued, maxAge int64) (string, error) {
	claims, err := json.Marshal(struct {
		Name    string `json:"name,omitempty"`
		Email   string `json:"email,omitempty"`
		Picture string `json:"picture,omitempty"`
		Subject string `json:"sub"`
		ID      string `json:"id"`
		Issued  int64  `json:"iat"`
		Expiry  int64  `json:"exp"`
		TokenID string `json:"jti"`
	}{session.Name, session.Email, session.Picture, session.UserID, session.UserID, issued, issued + maxAge, rand.Text()})
	if err != nil {
		return "", err
	}
	k, err := deriveKey(secret, "")
	if err != nil {
		return "", err
	}
	encrypter, err := jose.NewEncrypter(k.encryption, jose.Recipient{Algorithm: jose.DIRECT, Key: k.material}, nil)
	if err != nil {
		return "", err
	}
	jwe, err := encrypter.Encrypt(claims)
	if err != nil {
		return "", err
	}
	return jwe.CompactSerialize()
}
