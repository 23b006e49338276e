package auth_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// v4Header is the header of every token of next-auth 4.
const v4Header = `{"alg":"dir","enc":"A256GCM"}`

// seal encrypts a text under any header with the next-auth 4 key of a secret. It implements the standards without package auth
// and its library.
func seal(tb testing.TB, secret, header, text string) string {
	tb.Helper()
	material, err := hkdf.Key(sha256.New, []byte(secret), nil, "NextAuth.js Generated Encryption Key", 32)
	if err != nil {
		tb.Fatal(err)
	}
	block, err := aes.NewCipher(material)
	if err != nil {
		tb.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		tb.Fatal(err)
	}
	iv := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(iv)
	encode := base64.RawURLEncoding.EncodeToString
	protected := encode([]byte(header))
	sealed := gcm.Seal(nil, iv, []byte(text), []byte(protected))
	split := len(sealed) - gcm.Overhead()
	return strings.Join([]string{protected, "", encode(iv), encode(sealed[:split]), encode(sealed[split:])}, ".")
}
