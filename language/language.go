// Package language chooses the language of messages to a client: Korean or English, by the client's Accept-Language header. The
// messages themselves are in package domain.
package language

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"github.com/studycall/studycall/domain"
)

// headerLimit bounds the part of the header that is read, in bytes. Browsers send less than a hundred.
const headerLimit = 512

// Preferred returns the language with the greatest weight in the Accept-Language headers, the first of several with the same
// weight; Korean if the headers name neither. An element that cannot be parsed is ignored, and does not affect the others.
func Preferred(headers []string) domain.Language {
	header := strings.Join(headers, ",")
	chosen, most := domain.Korean, float32(0)
	for element := range strings.SplitSeq(header[:min(len(header), headerLimit)], ",") {
		tags, weights, err := language.ParseAcceptLanguage(element)
		if err != nil || len(tags) == 0 {
			continue
		}
		base, _ := tags[0].Base()
		weight := weights[0]
		switch {
		case base.String() == "ko" && weight > most:
			chosen, most = domain.Korean, weight
		case base.String() == "en" && weight > most:
			chosen, most = domain.English, weight
		}
	}
	return chosen
}

// Speak returns the language in which to answer the request, as Preferred does, and sets the headers Content-Language and Vary of
// the answer, so that a cache does not use an answer for the other language.
func Speak(answer http.Header, r *http.Request) domain.Language {
	chosen, tag := Preferred(r.Header.Values("Accept-Language")), "ko"
	if chosen == domain.English {
		tag = "en"
	}
	answer.Set("Content-Language", tag)
	answer.Add("Vary", "Accept-Language")
	return chosen
}
