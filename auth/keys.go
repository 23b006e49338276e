package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// What next-auth 4.24.13 (jwt/index.js) and @auth/core 0.41.3 (jwt.js) encrypt with, and with nothing else.
const (
	v4Encryption = jose.A256GCM
	v5Encryption = jose.A256CBC_HS512
)

// key opens the tokens of one secret, one format and, in v5, one cookie name.
type key struct {
	encryption jose.ContentEncryption
	material   []byte
	cookie     string // v5: the name of the cookie that the key is for; "" in v4, whose keys are for any
	id         string // v5: what a token's header calls the key
}

// opens reports whether the key may be the one that a token was made with. The cookie is the one it came in, "" if none.
func (k key) opens(h header, cookie string) bool {
	if k.encryption != h.encryption {
		return false
	}
	return k.encryption == v4Encryption || (cookie == "" || cookie == k.cookie) && (h.keyID == "" || h.keyID == k.id)
}

// v4Key derives the key that next-auth 4 derives from the bytes of its secret: RFC 5869 with SHA-256.
func v4Key(secret string) (key, error) {
	material, err := hkdf.Key(sha256.New, []byte(secret), nil, "NextAuth.js Generated Encryption Key", 32)
	if err != nil {
		return key{}, fmt.Errorf("derive the key of next-auth 4: %w", err)
	}
	return key{encryption: v4Encryption, material: material}, nil
}

// v5Key derives the key that @auth/core derives from the bytes of its secret and the cookie's name.
func v5Key(secret, cookie string) (key, error) {
	info := "Auth.js Generated Encryption Key (" + cookie + ")"
	material, err := hkdf.Key(sha256.New, []byte(secret), []byte(cookie), info, 64)
	if err != nil {
		return key{}, fmt.Errorf("derive the key of Auth.js 5: %w", err)
	}
	return key{encryption: v5Encryption, material: material, cookie: cookie, id: thumbprint(material)}, nil
}

// thumbprint is RFC 7638's of a symmetric key, with SHA-512.
func thumbprint(material []byte) string {
	sum := sha512.Sum512([]byte(`{"k":"` + base64.RawURLEncoding.EncodeToString(material) + `","kty":"oct"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
