package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/language"
	"github.com/studycall/studycall/membership"
)

// startAnswer is the open session; Message says that it was open already.
type startAnswer struct {
	Session api.StartedSession `json:"session"`
	Message string             `json:"message,omitempty"`
}

// start opens a session: 201, or 200 when one is open already. The body says nothing that start needs to know.
func (s *Server) start(c echo.Context, caller membership.User) error {
	if _, err := readBody(c); err != nil {
		return err
	}
	ctx, studyID := c.Request().Context(), pathID(c, "studyId")
	started, err := s.Commands.StartSession(ctx, commands.StartSession{StudyID: studyID, UserID: caller.ID, At: s.Now()})
	if err != nil {
		return err
	}
	known, err := s.lookUp(ctx, []string{started.StartedBy})
	if err != nil {
		return err
	}
	session := domain.Session{ID: started.SessionID, StartedBy: started.StartedBy, StartedAt: started.StartedAt}
	answer, status := startAnswer{Session: api.StartedSession{Session: api.NewSession(studyID, session), Starter: known.Person(started.StartedBy)}}, http.StatusCreated
	if !started.Created {
		answer.Message, status = openAlready(language.Speak(c.Response().Header(), c.Request())), http.StatusOK
	}
	showPosition(c, started.Position)
	return c.JSON(status, answer)
}

func openAlready(l domain.Language) string {
	if l == domain.English {
		return "A video call is already in progress."
	}
	return "이미 진행 중인 화상회의가 있습니다."
}
