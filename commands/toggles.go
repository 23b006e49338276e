package commands

import (
	"context"
	"time"

	"github.com/studycall/studycall/domain"
)

// SetAudio mutes or unmutes the microphone of a user who is in the call.
type SetAudio struct {
	StudyID   string
	SessionID string
	UserID    string
	Muted     bool
	At        time.Time
}

// SetVideo turns the camera of a user who is in the call off or on.
type SetVideo struct {
	StudyID   string
	SessionID string
	UserID    string
	Off       bool
	At        time.Time
}

// SetScreenShare starts or stops sharing the screen of a user who is in the call.
type SetScreenShare struct {
	StudyID   string
	SessionID string
	UserID    string
	Sharing   bool
	At        time.Time
}

// SetAudio is for participants in the call. Setting the current state again appends no event. It returns the position that
// the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded, domain.ErrParticipantNotFound.
func (h *Handlers) SetAudio(ctx context.Context, cmd SetAudio) (int64, error) {
	return h.decide(ctx, cmd.StudyID, domain.SetAudio{SessionID: cmd.SessionID, UserID: cmd.UserID, Muted: cmd.Muted, At: cmd.At}, nil)
}

// SetVideo is SetAudio for the camera.
func (h *Handlers) SetVideo(ctx context.Context, cmd SetVideo) (int64, error) {
	return h.decide(ctx, cmd.StudyID, domain.SetVideo{SessionID: cmd.SessionID, UserID: cmd.UserID, Off: cmd.Off, At: cmd.At}, nil)
}

// SetScreenShare is SetAudio for the screen. While another participant shares, it returns domain.ErrScreenShareTaken with
// that participant's id in the details.
func (h *Handlers) SetScreenShare(ctx context.Context, cmd SetScreenShare) (int64, error) {
	return h.decide(ctx, cmd.StudyID,
		domain.SetScreenShare{SessionID: cmd.SessionID, UserID: cmd.UserID, Sharing: cmd.Sharing, At: cmd.At}, nil)
}
