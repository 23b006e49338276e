package auth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Session is what a session token says of its user. All but UserID may be empty, and is then left out.
type Session struct {
	UserID  string
	Name    string
	Email   string
	Picture string // a URL
}

// Mint makes the session token that next-auth 4 would make with the secret: claims and encryption are those of its encode
// (next-auth 4.24.13, jwt/index.js), plus the id that the web app adds. It is issued at the given time, and expires maxAge
// later; both count in whole seconds, and maxAge must be at least one.
//
// The error is ErrNoSecret without a secret. It is an error, too, if there is no user, or if the session is so large that no
// authenticator would take its token.
func Mint(secret string, session Session, issued time.Time, maxAge time.Duration) (string, error) {
	switch {
	case secret == "":
		return "", ErrNoSecret
	case session.UserID == "":
		return "", errors.New("mint a session token: no user")
	case maxAge < time.Second:
		return "", fmt.Errorf("mint a session token: it would last for %v, and must for a second at least", maxAge)
	}
	text, err := json.Marshal(struct {
		Name    string `json:"name,omitempty"`
		Email   string `json:"email,omitempty"`
		Picture string `json:"picture,omitempty"`
		Subject string `json:"sub"`
		ID      string `json:"id"`
		Issued  int64  `json:"iat"`
		Expiry  int64  `json:"exp"`
		TokenID string `json:"jti"`
	}{
		session.Name, session.Email, session.Picture, session.UserID, session.UserID,
		issued.Unix(), issued.Unix() + int64(maxAge/time.Second), rand.Text(),
	})
	if err != nil {
		return "", fmt.Errorf("mint a session token: %w", err)
	}
	k, err := v4Key(secret)
	if err != nil {
		return "", fmt.Errorf("mint a session token: %w", err)
	}
	encrypter, err := jose.NewEncrypter(k.encryption, jose.Recipient{Algorithm: jose.DIRECT, Key: k.material}, nil)
	if err != nil {
		return "", fmt.Errorf("mint a session token: %w", err)
	}
	jwe, err := encrypter.Encrypt(text)
	if err != nil {
		return "", fmt.Errorf("mint a session token: %w", err)
	}
	token, err := jwe.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("mint a session token: %w", err)
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("mint a session token: it has %d bytes, more than %d", len(token), maxToken)
	}
	return token, nil
}
