package auth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrNoSecret says that there is no secret, or that one of them is empty.
var ErrNoSecret = errors.New("no secret")

// ParseSecrets reads a list of secrets, newest first, with a comma between each two. A secret is what lies between the
// commas, byte for byte, as the web app takes its own: not trimmed, not decoded. So a secret with a comma in it cannot be
// given. The error is ErrNoSecret when the list, or a place in it, is empty; a space beside a comma is an error too, since
// it would silently make another secret. No error repeats any part of the list.
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
