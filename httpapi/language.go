package httpapi

import (
	"strings"

	"github.com/labstack/echo/v4"
	"golang.org/x/text/language"

	"github.com/studycall/studycall/domain"
)

// acceptLanguageLimit is how much of the header is looked at, in bytes: browsers send less than a hundred.
const acceptLanguageLimit = 512

// speak chooses the language of a message to this caller, and says so in the answer's Content-Language.
func speak(c echo.Context) domain.Language {
	chosen, tag := preferred(c.Request().Header.Values("Accept-Language")), "ko"
	if chosen == domain.English {
		tag = "en"
	}
	c.Response().Header().Set("Content-Language", tag)
	return chosen
}

// preferred is the one of our languages to which the header gives the most weight, the first of several; Korean when it
// names none. Elements that cannot be read count as absent, so one of them does not spoil the others.
func preferred(headers []string) domain.Language {
	header := strings.Join(headers, ",")
	chosen, most := domain.Korean, float32(0)
	for element := range strings.SplitSeq(header[:min(len(header), acceptLanguageLimit)], ",") {
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
