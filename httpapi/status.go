package httpapi

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// statusAnswer is the study's open session, null when there is none.
type statusAnswer struct {
	Session *openSession `json:"session"`
}

type openSession struct {
	api.Session
	OnlineCount  int           `json:"onlineCount"`
	Starter      api.Person    `json:"starter"`
	Participants []participant `json:"participants"` // those in the call now, in order of first join
}

// participant is a participant who is in the call.
type participant struct {
	api.Participation
	User api.Person `json:"user"`
}

// status shows the open session and who is in the call.
func (s *Server) status(c echo.Context, caller membership.User) error {
	studyID, err := s.studyOf(c, caller)
	if err != nil {
		return err
	}
	var session domain.Session
	var position int64
	err = read(c, s.Sessions.WaitFor, func(ctx context.Context) (_ int64, err error) {
		session, position, err = s.Sessions.Open(ctx, studyID)
		return position, err
	})
	if err != nil {
		return err
	}
	showPosition(c, position)
	if session.ID == "" {
		return c.JSON(http.StatusOK, statusAnswer{})
	}
	ids := []string{session.StartedBy}
	for _, p := range session.Participants {
		if p.InCall() {
			ids = append(ids, p.UserID)
		}
	}
	known, err := s.lookUp(c.Request().Context(), ids)
	if err != nil {
		return err
	}
	open := openSession{
		Session: api.NewSession(studyID, session), OnlineCount: session.InCall(),
		Starter: known.Person(session.StartedBy), Participants: []participant{},
	}
	for _, p := range session.Participants {
		if p.InCall() {
			open.Participants = append(open.Participants, participant{api.NewParticipation(session.ID, p), known.Person(p.UserID)})
		}
	}
	return c.JSON(http.StatusOK, statusAnswer{&open})
}
