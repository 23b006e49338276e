package httpapi

import (
	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/language"
)

// speak chooses the language of a message to this caller, and says so in the answer's Content-Language.
func speak(c echo.Context) domain.Language {
	chosen, tag := language.Preferred(c.Request().Header.Values("Accept-Language")), "ko"
	if chosen == domain.English {
		tag = "en"
	}
	c.Response().Header().Set("Content-Language", tag)
	c.Response().Header().Add(echo.HeaderVary, "Accept-Language") // an answer in one language must not be kept for the other
	return chosen
}
