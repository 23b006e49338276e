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
	Participants []api.Participant `json:"participants"` // everybody, in order of first join
}

// session shows one session of the study, open or ended.
func (s *Server) session(c echo.Context, caller membership.User) error {
	studyID, err := s.studyOf(c, caller)
	if err != nil {
		return err
	}
	sessionID := pathID(c, "sessionId")
	if !membership.PossibleID(sessionID) {
		return domain.ErrSessionNotFound
	}
	var session domain.Session
	var position int64
	err = read(c, s.Sessions.WaitFor, func(ctx context.Context) (_ int64, err error) {
		session, position, err = s.Sessions.Session(ctx, studyID, sessionID)
		if errors.Is(err, domain.ErrSessionNotFound) {
			err = nil // it may not be known yet
		}
		return position, err
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
	known, err := s.lookUp(c.Request().Context(), ids)
	if err != nil {
		return err
	}
	detail := sessionDetail{api.NewSession(studyID, session), known.Person(session.StartedBy), []api.Participant{}}
	for _, p := range session.Participants {
		detail.Participants = append(detail.Participants, api.NewParticipant(session.ID, p, known))
	}
	showPosition(c, position)
	return c.JSON(http.StatusOK, sessionAnswer{detail})
}
