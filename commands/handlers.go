package commands

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Log is the part of the event store that commands use.
type Log interface {
	Load(ctx context.Context, stream string) ([]eventstore.Recorded, error)
	LoadSession(ctx context.Context, sessionID string) ([]eventstore.Recorded, error)
	ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]eventstore.Recorded, error)
	Append(ctx context.Context, stream string, expected int64, events []domain.Event) (int64, error)
}

// Access checks memberships. The error is domain.ErrNotStudyMember, or that of a failed lookup.
type Access interface {
	ActiveMember(ctx context.Context, studyID, userID string) error
}

// Settings are the rules that an operator may change.
type Settings struct {
	// Capacity is the largest number of participants in one call at once.
	Capacity int
	// CachedCalls is the largest number of studies whose calls are cached.
	CachedCalls int
}

// DefaultSettings returns the documented capacity, and a cache for more studies than meet at once.
func DefaultSettings() Settings { return Settings{Capacity: 12, CachedCalls: 10_000} }

// Handlers are the commands: StartSession, JoinSession, LeaveSession, SetToggle and ExpireSession. They are safe for concurrent
// use. If the caller's context ends first, the command may or may not be carried out.
type Handlers struct {
	log      Log
	access   Access
	settings Settings
	newID    func() string
	workers  *lru.Cache[string, *streamWorker] // by study
}

// New returns the handlers. newID returns a new, globally unique id on each call, such as crypto/rand.Text.
func New(log Log, access Access, settings Settings, newID func() string) (*Handlers, error) {
	workers, err := lru.New[string, *streamWorker](settings.CachedCalls)
	if err != nil {
		return nil, err
	}
	return &Handlers{log: log, access: access, settings: settings, newID: newID, workers: workers}, nil
}

// StartSession opens a session of a study. It adds no participant.
type StartSession struct {
	StudyID string
	UserID  string
	At      time.Time
}

// Started is the study's open session.
type Started struct {
	SessionID string
	StartedBy string
	StartedAt time.Time
	// Created is true if this command opened the session, false if it was open already.
	Created  bool
	Position int64
}

// StartSession is for active members, else domain.ErrNotStudyMember. Of several concurrent starts one creates the session,
// and all return it.
func (h *Handlers) StartSession(ctx context.Context, cmd StartSession) (Started, error) {
	if err := h.access.ActiveMember(ctx, cmd.StudyID, cmd.UserID); err != nil {
		return Started{}, err
	}
	var answer Started
	start := domain.StartSession{SessionID: h.newID(), UserID: cmd.UserID, At: cmd.At}
	position, err := h.decide(ctx, cmd.StudyID, start, func(call domain.Call) {
		s := call.Session
		answer = Started{SessionID: s.ID, StartedBy: s.StartedBy, StartedAt: s.StartedAt, Created: s.ID == start.SessionID}
	})
	if err != nil {
		return Started{}, err
	}
	answer.Position = position
	return answer, nil
}

// JoinSession puts a user into the study's open session.
type JoinSession struct {
	StudyID   string
	SessionID string
	UserID    string
	At        time.Time
}

// Joined is the user's record in the session.
type Joined struct {
	Participant domain.Participant
	// Session is the session right after the join.
	Session domain.Session
	// First is true if the user had not joined this session before.
	First    bool
	Position int64
}

// JoinSession is for active members. Joining while in the call changes nothing. Errors: domain.ErrNotStudyMember,
// domain.ErrSessionNotFound for an unknown session or another study's, domain.ErrSessionEnded, domain.ErrRoomFull.
func (h *Handlers) JoinSession(ctx context.Context, cmd JoinSession) (Joined, error) {
	if err := h.access.ActiveMember(ctx, cmd.StudyID, cmd.UserID); err != nil {
		return Joined{}, err
	}
	join := domain.JoinSession{
		SessionID: cmd.SessionID, ParticipantID: h.newID(), UserID: cmd.UserID, Capacity: h.settings.Capacity, At: cmd.At,
	}
	var answer Joined
	position, err := h.decideOnSession(ctx, cmd.StudyID, cmd.SessionID, join, domain.ErrSessionNotFound,
		func(call domain.Call) {
			session := call.Clone().Session // later commands of the batch change the call
			p := *session.Participant(cmd.UserID)
			answer = Joined{Participant: p, Session: session, First: p.ID == join.ParticipantID}
		})
	if err != nil {
		return Joined{}, err
	}
	answer.Position = position
	return answer, nil
}

// SetToggle is for participants in the call. Setting the current state again appends no event. It returns the position that
// the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded, domain.ErrParticipantNotFound, and while
// another participant shares, domain.ErrScreenShareTaken with that participant's id in the details.
func (h *Handlers) SetToggle(ctx context.Context, studyID string, cmd domain.SetToggle) (int64, error) {
	return h.decide(ctx, studyID, cmd, nil)
}

// LeaveSession is for every user who joined the session, members or not: a removed member must be able to leave. Leaving
// twice, or after the session ended, is no error. It returns the position that the answer rests on, or
// domain.ErrParticipantNotFound if the user never joined the session.
func (h *Handlers) LeaveSession(ctx context.Context, studyID string, cmd domain.LeaveSession) (int64, error) {
	return h.decideOnSession(ctx, studyID, cmd.SessionID, cmd, domain.ErrParticipantNotFound, nil)
}

// ExpireSession is for the service itself: it checks no membership. If the session has a participant after all, it changes
// nothing. It returns the position that the answer rests on. Errors: domain.ErrSessionNotFound, domain.ErrSessionEnded.
func (h *Handlers) ExpireSession(ctx context.Context, studyID string, cmd domain.ExpireSession) (int64, error) {
	return h.decide(ctx, studyID, cmd, nil)
}
