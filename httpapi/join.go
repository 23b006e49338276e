package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
)

type joinAnswer struct {
	Participant api.Participant `json:"participant"`
}

// join brings the caller into the session that the body names: 201 for the first join, 200 for a later one.
func (s *Server) join(c echo.Context, studyID string, caller membership.User) error {
	sessionID, err := parseSessionID(c)
	if err != nil {
		return err
	}
	joined, err := s.Presence.Join(c.Request().Context(), presence.Join{
		Lease: presence.Lease{StudyID: studyID, UserID: caller.ID}, SessionID: sessionID, At: s.Now(),
	})
	if err != nil {
		return bodyError{err}
	}
	status := http.StatusOK
	if joined.First {
		status = http.StatusCreated
	}
	showPosition(c, joined.Position)
	return c.JSON(status, joinAnswer{api.NewParticipant(sessionID, joined.Participant, api.People{caller.ID: caller})})
}
