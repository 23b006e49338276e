package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/projections"
)

type studyStatsAnswer struct {
	Stats studyStats `json:"stats"`
}

// studyStats is what a study did in a period. All times are in seconds.
type studyStats struct {
	Period              string      `json:"period"`
	TotalSessions       int64       `json:"totalSessions"`
	TotalParticipants   int64       `json:"totalParticipants"`
	AverageParticipants float64     `json:"averageParticipants"`
	TotalDuration       int64       `json:"totalDuration"`
	AverageDuration     int64       `json:"averageDuration"`
	MostActiveUser      *activeUser `json:"mostActiveUser"`
	SessionsPerDay      []dayCount  `json:"sessionsPerDay"` // every day of the period, in order
}

type activeUser struct {
	UserID       string  `json:"userId"`
	Name         *string `json:"name"`
	SessionCount int64   `json:"sessionCount"`
}

type dayCount struct {
	Date  string `json:"date"`
	Count int64  `json:"count"`
}

// studyStats shows what the study did in a period that ends today.
func (s *Server) studyStats(c echo.Context, caller membership.User) error {
	studyID, err := s.studyOf(c, caller)
	if err != nil {
		return err
	}
	given, err := parametersOf(c)
	if err != nil {
		return err
	}
	period, err := given.choice("period", "week", "month", "year", "all")
	if err != nil {
		return err
	}
	var found projections.StudySummary
	err = read(c, s.StudyStats.WaitFor, func(ctx context.Context) (position int64, err error) {
		found, err = s.StudyStats.Summary(ctx, studyID, daysOf(period), s.Now())
		return found.Position, err
	})
	if err != nil {
		return err
	}
	active, err := s.activeUser(c.Request().Context(), found.MostActive)
	if err != nil {
		return err
	}
	stats := studyStats{
		Period:              period,
		TotalSessions:       found.Sessions,
		TotalParticipants:   found.Participants,
		AverageParticipants: averageToTenths(found.Participants, found.Sessions),
		TotalDuration:       domain.Seconds(found.Duration),
		AverageDuration:     averageSeconds(found.Duration, found.Sessions),
		MostActiveUser:      active,
		SessionsPerDay:      []dayCount{},
	}
	for _, d := range found.Days {
		stats.SessionsPerDay = append(stats.SessionsPerDay, dayCount{d.Day.Format(time.DateOnly), d.Sessions})
	}
	showPosition(c, found.Position)
	return c.JSON(http.StatusOK, studyStatsAnswer{stats})
}

// daysOf is how many days a period has, today included.
func daysOf(period string) int {
	switch period {
	case "week":
		return 7
	case "month":
		return 30
	case "year":
		return 365
	default:
		return projections.AllDays
	}
}

// activeUser adds the name of now.
func (s *Server) activeUser(ctx context.Context, active *projections.ActiveUser) (*activeUser, error) {
	if active == nil {
		return nil, nil // nobody took part in any session
	}
	known, err := s.lookUp(ctx, []string{active.UserID})
	if err != nil {
		return nil, err
	}
	return &activeUser{active.UserID, known.Person(active.UserID).Name, active.Sessions}, nil
}

// averageToTenths is sum/n to one decimal, half rounded up; 0 of nothing. Whole numbers keep it exact.
func averageToTenths(sum, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64((20*sum+n)/(2*n)) / 10
}

// averageSeconds is sum/n in whole seconds, floored; 0 of nothing.
func averageSeconds(sum time.Duration, n int64) int64 {
	if n == 0 {
		return 0
	}
	return domain.Seconds(sum) / n
}
