package httpapi

import (
	"context"
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/projections"
)

// The default and the largest number of sessions on a page.
const (
	defaultLimit = 20
	largestLimit = 100
)

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
	page.Limit = query.number("limit", defaultLimit, largestLimit)
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
