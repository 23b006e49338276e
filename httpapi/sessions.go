package httpapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/projections"
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

type historyAnswer struct {
	Sessions   []pastSession `json:"sessions"` // newest first
	Pagination pagination    `json:"pagination"`
}

type pastSession struct {
	api.StartedSession
	Participants     []pastParticipant `json:"participants"` // all of them, in order of first join
	ParticipantCount int               `json:"participantCount"`
}

type pastParticipant struct {
	ID       string     `json:"id"`
	UserID   string     `json:"userId"`
	Duration int64      `json:"duration"` // seconds
	User     api.Person `json:"user"`
}

type pagination struct {
	Page       int64 `json:"page"`
	Limit      int64 `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
}

// history answers with a page of the study's ended sessions.
func (s *Server) history(c echo.Context, studyID string, _ membership.User) error {
	page, err := s.historyPage(c)
	if err != nil {
		return err
	}
	found, err := read(c, s.History, func(ctx context.Context) (projections.PastSessions, int64, error) {
		found, err := s.History.Page(ctx, studyID, page)
		return found, found.Position, err
	})
	if err != nil {
		return err
	}
	var ids []string
	for _, session := range found.Sessions {
		ids = append(ids, session.StartedBy)
		for _, p := range session.Participants {
			ids = append(ids, p.UserID)
		}
	}
	people, err := s.people(c, ids...)
	if err != nil {
		return err
	}
	answer := historyAnswer{[]pastSession{}, pagination{
		page.Number, page.Limit, found.Total, (found.Total + page.Limit - 1) / page.Limit,
	}}
	for _, session := range found.Sessions {
		answer.Sessions = append(answer.Sessions, newPastSession(studyID, session, people))
	}
	return c.JSON(http.StatusOK, answer)
}

// historyPage reads the parameters of the query string.
func (s *Server) historyPage(c echo.Context) (page projections.HistoryPage, err error) {
	query := parseParameters(c)
	page.Number = query.number("page", 1, math.MaxInt64)
	page.Limit = query.number("limit", 20, 100)
	start, end := query.period("startDate", s.Zone), query.period("endDate", s.Zone)
	if start != nil {
		page.From = new(start.from())
	}
	if end != nil {
		page.Before = new(end.before())
	}
	if start != nil && end != nil && start.after(*end) {
		query.refuse("endDate", "must not be before startDate")
	}
	return page, query.err
}

func newPastSession(studyID string, session projections.PastSession, people api.People) pastSession {
	past := pastSession{
		StartedSession: api.NewStartedSession(studyID, domain.Session{
			ID: session.ID, StartedBy: session.StartedBy, StartedAt: session.StartedAt, EndedAt: session.EndedAt,
		}, people),
		Participants: []pastParticipant{}, ParticipantCount: len(session.Participants),
	}
	for _, p := range session.Participants {
		past.Participants = append(past.Participants,
			pastParticipant{p.ID, p.UserID, domain.Seconds(p.Present), people.Person(p.UserID)})
	}
	return past
}
