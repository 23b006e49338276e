package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

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

// status answers with the open session, null if there is none, and the participants who are in the call.
func (s *Server) status(c echo.Context, studyID string, _ membership.User) error {
	session, err := read(c, s.Sessions, func(ctx context.Context) (domain.Session, int64, error) {
		return s.Sessions.Open(ctx, studyID)
	})
	if err != nil {
		return err
	}
	if session.ID == "" {
		return c.JSON(http.StatusOK, echo.Map{"session": nil})
	}
	session.Participants = slices.DeleteFunc(session.Participants, func(p domain.Participant) bool { return !p.InCall() })
	people, err := s.peopleOf(c, session)
	if err != nil {
		return err
	}
	open := openSession{
		Session: api.NewSession(studyID, session), OnlineCount: len(session.Participants),
		Starter: people.Person(session.StartedBy), Participants: []presentParticipant{},
	}
	for _, p := range session.Participants {
		open.Participants = append(open.Participants, presentParticipant{api.NewParticipation(session.ID, p), people.Person(p.UserID)})
	}
	return c.JSON(http.StatusOK, echo.Map{"session": open})
}

type sessionDetail struct {
	api.StartedSession
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
	people, err := s.peopleOf(c, session)
	if err != nil {
		return err
	}
	detail := sessionDetail{api.NewStartedSession(studyID, session, people), []api.Participant{}}
	for _, p := range session.Participants {
		detail.Participants = append(detail.Participants, api.NewParticipant(session.ID, p, people))
	}
	return c.JSON(http.StatusOK, echo.Map{"session": detail})
}

// peopleOf looks up the starter and the participants of a session.
func (s *Server) peopleOf(c echo.Context, session domain.Session) (api.People, error) {
	ids := []string{session.StartedBy}
	for _, p := range session.Participants {
		ids = append(ids, p.UserID)
	}
	return s.people(c, ids...)
}
