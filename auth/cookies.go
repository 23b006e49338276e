package auth

import (
	"strconv"
	"strings"
)

const (
	// maxCookies is how many bytes of cookies are looked through. Node, which the web app runs on, reads 16 KiB of headers.
	maxCookies = 32 << 10
	// maxChunks is how many cookies one token may be spread over; the packages fill each with some 3900 bytes.
	maxChunks = 32
)

// jar holds what a request's cookies say under one session cookie's name.
type jar struct {
	name   string
	whole  string   // the cookie of that very name
	chunks []string // those of the names with .0, .1, … after it; "" where one is missing
}

// fill puts the cookies of a request's Cookie headers into the jars that they belong to, in one pass. Of two cookies of
// one name the first counts, as in the packages: browsers send the more specific one first. An empty one does not count.
// Values are taken as they are, but for a pair of quotes around them (RFC 6265, section 4.1.1), which next-auth 4's parser
// takes off too: no percent-encoder touches a token's characters.
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

// put keeps the cookie that has the suffix after the jar's name, if it is one of the session's.
func (j *jar) put(suffix, value string) {
	if suffix == "" {
		if j.whole == "" {
			j.whole = value
		}
		return
	}
	number, dotted := strings.CutPrefix(suffix, ".")
	i, err := strconv.Atoi(number)
	// The packages write numbers one way; whatever else follows the dot is another's cookie.
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

// joined is the token that the chunks make, "" if there are none.
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
