// Package language chooses in which of our languages a client is spoken to. It knows the header by which clients say what
// they read, and domain's languages; what is said is the domain's business.
package language

import (
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"github.com/studycall/studycall/domain"
)

// headerLimit is how much of the header is looked at, in bytes: browsers send less than a hundred.
const headerLimit = 512

// Preferred is the one of our languages to which the Accept-Language headers give the most weight, the first of several;
// Korean when they name none. Elements that cannot be read count as absent, so one of them does not spoil the others.
func Preferred(headers []string) domain.Language {
	header := strings.Join(headers, ",")
	chosen, most := domain.Korean, float32(0)
	for element := range strings.SplitSeq(header[:min(len(header), headerLimit)], ",") {
		tags, weights, err := language.ParseAcceptLanguage(element)
		if err != nil || len(tags) == 0 {
			continue
		}
		base, _ := tags[0].Base()
		switch weight := weights[0]; {
		case base.String() == "ko" && weight > most:
			chosen, most = domain.Korean, weight
		case base.String() == "en" && weight > most:
			chosen, most = domain.English, weight
		}
	}
	return chosen
}

// Speak is the language in which a request is answered, by Preferred. It says so in the answer's headers, and that an answer
// in one language must not be kept for the other.
func Speak(answer http.Header, r *http.Request) domain.Language {
	chosen, tag := Preferred(r.Header.Values("Accept-Language")), "ko"
	if chosen == domain.English {
		tag = "en"
	}
	answer.Set("Content-Language", tag)
	answer.Add("Vary", "Accept-Language")
	return chosen
}
