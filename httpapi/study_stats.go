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

// studyStats are the totals of a study in a period. All durations are in seconds.
type studyStats struct {
	Period              string      `json:"period"`
	TotalSessions       int64       `json:"totalSessions"`
	TotalParticipants   int64       `json:"totalParticipants"`
	AverageParticipants float64     `json:"averageParticipants"`
	TotalDuration       int64       `json:"totalDuration"`
	AverageDuration     int64       `json:"averageDuration"`
	MostActiveUser      *activeUser `json:"mostActiveUser"` // null if nobody took part in a session
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

// studyStats answers with the study's totals in a period that ends today.
func (s *Server) studyStats(c echo.Context, studyID string, _ membership.User) error {
	query, err := parseParameters(c)
	if err != nil {
		return err
	}
	period, err := query.choice("period", "week", "month", "year", "all")
	if err != nil {
		return err
	}
	found, err := read(c, s.StudyStats, func(ctx context.Context) (projections.StudySummary, int64, error) {
		found, err := s.StudyStats.Summary(ctx, studyID, daysOf(period), s.Now())
		return found, found.Position, err
	})
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
		SessionsPerDay:      []dayCount{},
	}
	if active := found.MostActive; active != nil {
		people, err := s.people(c, active.UserID)
		if err != nil {
			return err
		}
		stats.MostActiveUser = &activeUser{active.UserID, people.Person(active.UserID).Name, active.Sessions}
	}
	for _, d := range found.Days {
		stats.SessionsPerDay = append(stats.SessionsPerDay, dayCount{d.Day.Format(time.DateOnly), d.Sessions})
	}
	return c.JSON(http.StatusOK, studyStatsAnswer{stats})
}

// daysOf returns the number of days in a period, today included.
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

// averageToTenths returns sum/n with one decimal, half rounded up; 0 if n is 0. Integer arithmetic keeps it exact.
func averageToTenths(sum, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64((20*sum+n)/(2*n)) / 10
}

// averageSeconds returns sum/n in whole seconds, rounded down; 0 if n is 0.
func averageSeconds(sum time.Duration, n int64) int64 {
	if n == 0 {
		return 0
	}
	return domain.Seconds(sum) / n
}
