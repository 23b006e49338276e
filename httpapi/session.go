package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

type sessionAnswer struct {
	Session sessionDetail `json:"session"`
}

type sessionDetail struct {
	api.Session
	Starter      api.Person        `json:"starter"`
	Participants []api.Participant `json:"participants"` // all of them, in order of first join
}

// session answers with one session of the study, open or ended.
func (s *Server) session(c echo.Context, studyID string, _ membership.User) error {
	sessionID := pathID(c, "sessionId")
	if !membership.PossibleID(sessionID) {
		return domain.ErrSessionNotFound
	}
	session, err := read(c, s.Sessions, func(ctx context.Context) (domain.Session, int64, error) {
		session, position, err := s.Sessions.Session(ctx, studyID, sessionID)
		if errors.Is(err, domain.ErrSessionNotFound) {
			err = nil // the tables may not hold its events yet
		}
		return session, position, err
	})
	if err == nil && session.ID == "" {
		err = domain.ErrSessionNotFound
	}
	if err != nil {
		return err
	}
	ids := []string{session.StartedBy}
	for _, p := range session.Participants {
		ids = append(ids, p.UserID)
	}
	people, err := s.people(c, ids...)
	if err != nil {
		return err
	}
	detail := sessionDetail{api.NewSession(studyID, session), people.Person(session.StartedBy), []api.Participant{}}
	for _, p := range session.Participants {
		detail.Participants = append(detail.Participants, api.NewParticipant(session.ID, p, people))
	}
	return c.JSON(http.StatusOK, sessionAnswer{detail})
}
