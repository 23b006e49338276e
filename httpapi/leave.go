package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

type leaveAnswer struct {
	Success bool `json:"success"`
}

// leave takes the caller out of the session that the body names. Whoever joined may, also when no longer a member.
func (s *server) leave(c echo.Context, caller membership.User) error {
	sessionID, err := sessionIDOf(c)
	if err != nil {
		return err
	}
	studyID := pathID(c, "studyId")
	if !membership.PossibleID(studyID) {
		return domain.ErrParticipantNotFound
	}
	ctx, at := c.Request().Context(), s.Now()
	position, err := s.Commands.LeaveSession(ctx, commands.LeaveSession{
		StudyID: studyID, SessionID: sessionID, UserID: caller.ID, Reason: domain.Left, At: at,
	})
	if err != nil {
		return err
	}
	if err := s.Presence.LeftWithout(ctx, studyID, caller.ID, at); err != nil {
		return err
	}
	showPosition(c, position)
	return c.JSON(http.StatusOK, leaveAnswer{true})
}
