package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/projections"
)

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
	query := parseParameters(c)
	period := query.choice("period", "week", "month", "year", "all")
	if query.err != nil {
		return query.err
	}
	days := map[string]int{"week": 7, "month": 30, "year": 365, "all": projections.AllDays}[period] // today included
	found, err := read(c, s.StudyStats, func(ctx context.Context) (projections.StudySummary, int64, error) {
		found, err := s.StudyStats.Summary(ctx, studyID, days, s.Now())
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
	return c.JSON(http.StatusOK, echo.Map{"stats": stats})
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

// userStats are the totals of one user in a study. All durations are in seconds.
type userStats struct {
	UserID                string   `json:"userId"`
	TotalSessions         int64    `json:"totalSessions"`
	TotalDuration         int64    `json:"totalDuration"`
	AverageDuration       int64    `json:"averageDuration"`
	TotalAudioMutedTime   int64    `json:"totalAudioMutedTime"`
	TotalVideoOffTime     int64    `json:"totalVideoOffTime"`
	TotalScreenSharedTime int64    `json:"totalScreenSharedTime"`
	FirstSession          api.Time `json:"firstSession"`
	LastSession           api.Time `json:"lastSession"`
}

// userStats answers with a user's totals over the study's ended sessions, for that user and for the study's staff.
func (s *Server) userStats(c echo.Context, caller membership.User) error {
	ctx, studyID, userID := c.Request().Context(), pathID(c, "studyId"), pathID(c, "userId")
	if err := s.Access.SelfOrStaff(ctx, studyID, caller.ID, userID); err != nil {
		return err
	}
	if err := s.Access.EverMember(ctx, studyID, userID); err != nil {
		return err
	}
	found, err := read(c, s.UserStats, func(ctx context.Context) (projections.UserSummary, int64, error) {
		found, err := s.UserStats.Summary(ctx, studyID, userID)
		return found, found.Position, err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, echo.Map{"stats": userStats{
		UserID:                userID,
		TotalSessions:         found.Sessions,
		TotalDuration:         domain.Seconds(found.Present),
		AverageDuration:       averageSeconds(found.Present, found.Sessions),
		TotalAudioMutedTime:   domain.Seconds(found.Muted),
		TotalVideoOffTime:     domain.Seconds(found.CameraOff),
		TotalScreenSharedTime: domain.Seconds(found.Sharing),
		FirstSession:          api.Time(found.FirstJoinedAt),
		LastSession:           api.Time(found.LastLeftAt),
	}})
}
