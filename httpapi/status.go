package httpapi

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// statusAnswer has the study's open session; null when none is open.
type statusAnswer struct {
	Session *openSession `json:"session"`
}

type openSession struct {
	api.Session
	OnlineCount  int                  `json:"onlineCount"`
	Starter      api.Person           `json:"starter"`
	Participants []presentParticipant `json:"participants"` // who is in the call now, in order of first join
}

type presentParticipant struct {
	api.Participation
	User api.Person `json:"user"`
}

// status answers with the open session and the participants who are in the call.
func (s *Server) status(c echo.Context, studyID string, _ membership.User) error {
	session, err := read(c, s.Sessions, func(ctx context.Context) (domain.Session, int64, error) {
		return s.Sessions.Open(ctx, studyID)
	})
	if err != nil {
		return err
	}
	if session.ID == "" {
		return c.JSON(http.StatusOK, statusAnswer{})
	}
	ids := []string{session.StartedBy}
	for _, p := range session.Participants {
		if p.InCall() {
			ids = append(ids, p.UserID)
		}
	}
	people, err := s.people(c, ids...)
	if err != nil {
		return err
	}
	open := openSession{
		Session: api.NewSession(studyID, session), OnlineCount: session.InCall(),
		Starter: people.Person(session.StartedBy), Participants: []presentParticipant{},
	}
	for _, p := range session.Participants {
		if p.InCall() {
			open.Participants = append(open.Participants,
				presentParticipant{api.NewParticipation(session.ID, p), people.Person(p.UserID)})
		}
	}
	return c.JSON(http.StatusOK, statusAnswer{&open})
}
