package auth

import (
	"strconv"
	"strings"
)

const (
	// maxCookies bounds the cookies of a request, in bytes. Node, on which the web app runs, reads 16 KiB of headers.
	maxCookies = 32 << 10
	// maxChunks bounds the cookies that hold one token. The packages fill each with some 3900 bytes.
	maxChunks = 32
)

// jar holds the cookies of a request that belong to one name of the session cookie.
type jar struct {
	name   string
	whole  string   // the cookie with the exact name
	chunks []string // the cookies with the suffixes .0, .1, …; "" for a missing one
}

// fill sorts the cookies of a request's Cookie headers into the jars, in one pass. Of two cookies with one name the first counts,
// as in the packages, because browsers send the more specific one first. An empty cookie does not count. Values are taken
// literally, without a pair of quotes around them (RFC 6265, section 4.1.1), which next-auth 4's parser removes too. They are not
// percent-decoded, because no encoder changes the characters of a token.
func fill(jars []jar, headers []string) error {
	size := 0
	for _, header := range headers {
		size += len(header)
	}
	if size > maxCookies {
		return errManyCookies
	}
	for _, header := range headers {
		for pair := range strings.SplitSeq(header, ";") {
			name, value, found := strings.Cut(pair, "=")
			if !found {
				continue
			}
			name, value = strings.Trim(name, " \t"), unquote(strings.Trim(value, " \t"))
			for i := range jars {
				if suffix, ours := strings.CutPrefix(name, jars[i].name); ours {
					jars[i].put(suffix, value)
				}
			}
		}
	}
	return nil
}

// put stores the cookie with the suffix after the jar's name, if it belongs to the session.
func (j *jar) put(suffix, value string) {
	if suffix == "" {
		if j.whole == "" {
			j.whole = value
		}
		return
	}
	number, dotted := strings.CutPrefix(suffix, ".")
	i, err := strconv.Atoi(number)
	// The packages write a number in one form. Any other suffix belongs to another cookie.
	if !dotted || value == "" || err != nil || i < 0 || i >= maxChunks || strconv.Itoa(i) != number {
		return
	}
	for len(j.chunks) <= i {
		j.chunks = append(j.chunks, "")
	}
	if j.chunks[i] == "" {
		j.chunks[i] = value
	}
}

// joined returns the token in the chunks; "" if there are none.
func (j *jar) joined() (string, error) {
	for _, chunk := range j.chunks {
		if chunk == "" {
			return "", errBrokenChunks
		}
	}
	return strings.Join(j.chunks, ""), nil
}

func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}
