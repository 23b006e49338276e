package httpapi

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/studycall/studycall/api"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
	"github.com/studycall/studycall/projections"
)

type userStatsAnswer struct {
	Stats userStats `json:"stats"`
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
	return c.JSON(http.StatusOK, userStatsAnswer{userStats{
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
