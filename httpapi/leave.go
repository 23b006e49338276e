package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
)

type leaveAnswer struct {
	Success bool `json:"success"`
}

// leave takes the caller out of the session that the body names. A participant may leave without being a member any more.
func (s *Server) leave(c echo.Context, caller membership.User) error {
	sessionID, err := parseSessionID(c)
	if err != nil {
		return err
	}
	studyID := pathID(c, "studyId")
	if !membership.PossibleID(studyID) {
		return domain.ErrParticipantNotFound
	}
	position, err := s.Presence.Leave(c.Request().Context(), presence.Leave{
		Lease: presence.Lease{StudyID: studyID, UserID: caller.ID}, SessionID: sessionID, At: s.Now(),
	})
	if err != nil {
		return err
	}
	showPosition(c, position)
	return c.JSON(http.StatusOK, leaveAnswer{true})
}
