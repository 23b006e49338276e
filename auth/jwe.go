package auth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
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
	var parts [][]byte
	for text := range strings.SplitSeq(token, ".") {
		part, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil {
			return header{}, nil, errMalformed
		}
		parts = append(parts, part)
	}
	h, err := parseHeader(parts[0])
	if err != nil {
		return header{}, nil, err
	}
	ivBytes, tagBytes := 12, 16
	if h.encryption == v5Encryption {
		ivBytes, tagBytes = 16, 32
	}
	if len(parts[1]) != 0 || len(parts[2]) != ivBytes || len(parts[4]) != tagBytes {
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
func parseHeader(text []byte) (header, error) {
	var fields map[string]string
	if err := json.Unmarshal(text, &fields); err != nil {
		return header{}, errOtherKind
	}
	for name := range fields {
		if !slices.Contains([]string{"alg", "enc", "kid", "typ"}, name) {
			return header{}, errOtherKind
		}
	}
	encryption := jose.ContentEncryption(fields["enc"])
	if fields["alg"] != string(jose.DIRECT) || encryption != v4Encryption && encryption != v5Encryption {
		return header{}, errOtherKind
	}
	return header{encryption: encryption, keyID: fields["kid"]}, nil
}
