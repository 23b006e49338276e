package auth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

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
