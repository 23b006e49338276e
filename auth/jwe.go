package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// maxToken bounds the length of a token, in bytes. The web app makes no longer one, because its own server, Node, reads no more
// than 16 KiB of headers.
const maxToken = 16 << 10

// header is the protected header of a token.
type header struct {
	encryption jose.ContentEncryption
	keyID      string
}

// parseToken reads a token in the compact form of JWE (RFC 7516, section 7.1), before any key is tried. Each token has exactly one
// accepted text. So parseToken refuses what go-jose would overlook: line breaks inside base64, unused bits that are set, a dot
// moved between ciphertext and tag, and an encrypted key, which direct encryption does not use.
func parseToken(token string) (header, *jose.JSONWebEncryption, error) {
	switch {
	case token == "":
		return header{}, nil, errNoToken
	case len(token) > maxToken:
		return header{}, nil, errTooLong
	case strings.Count(token, ".") != 4 || strings.ContainsAny(token, "\r\n"):
		return header{}, nil, errMalformed
	}
	parts := strings.Split(token, ".")
	for _, part := range parts {
		if !canonical(part) {
			return header{}, nil, errMalformed
		}
	}
	h, err := parseHeader(parts[0])
	if err != nil {
		return header{}, nil, err
	}
	ivBytes, tagBytes := 12, 16
	if h.encryption == v5Encryption {
		ivBytes, tagBytes = 16, 32
	}
	length := base64.RawURLEncoding.EncodedLen
	if parts[1] != "" || len(parts[2]) != length(ivBytes) || len(parts[4]) != length(tagBytes) {
		return header{}, nil, errMalformed
	}
	jwe, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{h.encryption})
	if err != nil {
		return header{}, nil, errMalformed
	}
	return h, jwe, nil
}

// parseHeader reads a protected header. It accepts the fields that the packages write, and typ, which RFC 7519 recommends. Any
// other field would require something that this package does not do: decompress (zip), understand an extension (crit), use a key
// that the sender chose (jwk, epk) or a password (p2s).
func parseHeader(part string) (header, error) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return header{}, errMalformed
	}
	var fields map[string]string
	if err := json.Unmarshal(text, &fields); err != nil {
		return header{}, errOtherKind
	}
	for name := range fields {
		switch name {
		case "alg", "enc", "kid", "typ":
		default:
			return header{}, errOtherKind
		}
	}
	encryption := jose.ContentEncryption(fields["enc"])
	if fields["alg"] != string(jose.DIRECT) || encryption != v4Encryption && encryption != v5Encryption {
		return header{}, errOtherKind
	}
	return header{encryption: encryption, keyID: fields["kid"]}, nil
}

// canonical reports whether the unused bits of a part's last character are zero, as an encoder leaves them (RFC 4648, section
// 3.5). If they were ignored, several texts would be the same token.
func canonical(part string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	spare := 0
	switch len(part) % 4 {
	case 0:
		return true
	case 1:
		return false // base64 of no number of bytes
	case 2:
		spare = 1<<4 - 1
	case 3:
		spare = 1<<2 - 1
	}
	last := strings.IndexByte(alphabet, part[len(part)-1])
	return last >= 0 && last&spare == 0
}
