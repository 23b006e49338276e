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

const (
	usualLimit = 20
	mostLimit  = 100
)

type historyAnswer struct {
	Sessions   []pastSession `json:"sessions"` // the newest first
	Pagination pagination    `json:"pagination"`
}

type pastSession struct {
	api.Session
	Starter          api.Person        `json:"starter"`
	Participants     []pastParticipant `json:"participants"` // everybody, in order of first join
	ParticipantCount int               `json:"participantCount"`
}

type pastParticipant struct {
	ID       string     `json:"id"`
	UserID   string     `json:"userId"`
	Duration int64      `json:"duration"` // in seconds
	User     api.Person `json:"user"`
}

type pagination struct {
	Page       int64 `json:"page"`
	Limit      int64 `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
}

// history shows a page of the study's ended sessions.
func (s *Server) history(c echo.Context, caller membership.User) error {
	studyID, err := s.studyOf(c, caller)
	if err != nil {
		return err
	}
	page, err := s.historyPage(c)
	if err != nil {
		return err
	}
	var found projections.PastSessions
	err = read(c, s.History.WaitFor, func(ctx context.Context) (position int64, err error) {
		found, err = s.History.Page(ctx, studyID, page)
		return found.Position, err
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
	known, err := s.lookUp(c.Request().Context(), ids)
	if err != nil {
		return err
	}
	answer := historyAnswer{[]pastSession{}, pagination{
		page.Number, page.Limit, found.Total, (found.Total + page.Limit - 1) / page.Limit,
	}}
	for _, session := range found.Sessions {
		answer.Sessions = append(answer.Sessions, pastSessionOf(studyID, session, known))
	}
	showPosition(c, found.Position)
	return c.JSON(http.StatusOK, answer)
}

// historyPage is the page that the query string asks for.
func (s *Server) historyPage(c echo.Context) (projections.HistoryPage, error) {
	var page projections.HistoryPage
	given, err := parametersOf(c)
	if err != nil {
		return page, err
	}
	if page.Number, err = given.number("page", 1, math.MaxInt64); err != nil {
		return page, err
	}
	if page.Limit, err = given.number("limit", usualLimit, mostLimit); err != nil {
		return page, err
	}
	start, err := given.stretch("startDate", s.Zone)
	if err != nil {
		return page, err
	}
	end, err := given.stretch("endDate", s.Zone)
	if err != nil {
		return page, err
	}
	if start != nil && end != nil && start.after(*end) {
		return page, api.Invalid("endDate", "must not be before startDate")
	}
	if start != nil {
		from := start.from()
		page.From = &from
	}
	if end != nil {
		before := end.before()
		page.Before = &before
	}
	return page, nil
}

func pastSessionOf(studyID string, session projections.PastSession, known api.People) pastSession {
	past := pastSession{
		Session: api.NewSession(studyID, domain.Session{
			ID: session.ID, StartedBy: session.StartedBy, StartedAt: session.StartedAt, EndedAt: session.EndedAt,
		}),
		Starter: known.Person(session.StartedBy), Participants: []pastParticipant{}, ParticipantCount: len(session.Participants),
	}
	for _, p := range session.Participants {
		past.Participants = append(past.Participants, pastParticipant{
			p.ID, p.UserID, domain.Seconds(p.Present), known.Person(p.UserID),
		})
	}
	return past
}
