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

// join brings the caller into the session that the body names: 201 the first time, 200 later.
func (s *Server) join(c echo.Context, caller membership.User) error {
	ctx, studyID := c.Request().Context(), pathID(c, "studyId")
	sessionID, malformed := sessionIDOf(c)
	// The command, which asks too, comes later; and a stranger learns nothing but that.
	if err := s.Access.ActiveMember(ctx, studyID, caller.ID); err != nil {
		return err
	}
	if malformed != nil {
		return malformed
	}
	joined, err := s.Presence.Join(ctx, presence.Join{
		StudyID: studyID, UserID: caller.ID, SessionID: sessionID, At: s.Now(),
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
