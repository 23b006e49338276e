package engineio

import (
	"crypto/rand"
	"encoding/base64"
)

// NewID makes an id that cannot be guessed: 20 characters of base64url, 120 random bits.
func NewID() string {
	var bits [15]byte
	_, _ = rand.Read(bits[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(bits[:])
}
