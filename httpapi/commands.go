package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/commands"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/language"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/presence"
)

// startAnswer has the open session. It has a message if the session was open already.
type startAnswer struct {
	Session api.StartedSession `json:"session"`
	Message string             `json:"message,omitempty"`
}

// start opens a session: 201, or 200 when one is open already. The request's body is ignored.
func (s *Server) start(c echo.Context, caller membership.User) error {
	if _, err := readBody(c); err != nil {
		return err
	}
	studyID := pathID(c, "studyId")
	started, err := s.Commands.StartSession(c.Request().Context(),
		commands.StartSession{StudyID: studyID, UserID: caller.ID, At: s.Now()})
	if err != nil {
		return err
	}
	people, err := s.people(c, started.StartedBy)
	if err != nil {
		return err
	}
	session := domain.Session{ID: started.SessionID, StartedBy: started.StartedBy, StartedAt: started.StartedAt}
	status, answer := http.StatusCreated, startAnswer{Session: api.NewStartedSession(studyID, session, people)}
	if !started.Created {
		status, answer.Message = http.StatusOK, alreadyOpen(language.Speak(c.Response().Header(), c.Request()))
	}
	showPosition(c, started.Position)
	return c.JSON(status, answer)
}

func alreadyOpen(l domain.Language) string {
	if l == domain.English {
		return "A video call is already in progress."
	}
	return "이미 진행 중인 화상회의가 있습니다."
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
	participant := api.NewParticipant(sessionID, joined.Participant, api.People{caller.ID: caller})
	return c.JSON(status, echo.Map{"participant": participant})
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
	return c.JSON(http.StatusOK, echo.Map{"success": true})
}
