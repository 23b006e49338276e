package commands

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/eventstore"
)

// Log is what commands need of the event store.
type Log interface {
	Load(ctx context.Context, stream string) ([]eventstore.Recorded, error)
	LoadSession(ctx context.Context, sessionID string) ([]eventstore.Recorded, error)
	ReadStreamPage(ctx context.Context, stream string, after int64, limit int) ([]eventstore.Recorded, error)
	Append(ctx context.Context, stream string, expected int64, events []domain.Event) (int64, error)
}

// Access says who may. The error is domain.ErrNotStudyMember, or one of looking it up.
type Access interface {
	ActiveMember(ctx context.Context, studyID, userID string) error
}

// Settings are the rules that an operator may change.
type Settings struct {
	// Capacity is how many may be in one call at once.
	Capacity int
	// CachedCalls is how many studies' calls are held in memory.
	CachedCalls int
}

// DefaultSettings are the contract's.
func DefaultSettings() Settings { return Settings{Capacity: 12, CachedCalls: 10_000} }

// Handlers are the commands: StartSession, JoinSession, LeaveSession, SetAudio, SetVideo, SetScreenShare and
// ExpireSession. They may be called concurrently. When a call's context ends first, the command may or may not be carried out.
type Handlers struct {
	log      Log
	access   Access
	settings Settings
	newID    func() string
	desks    *lru.Cache[string, *desk]
}

// New makes the handlers. newID makes a new id that nobody else makes, such as crypto/rand.Text.
func New(log Log, access Access, settings Settings, newID func() string) (*Handlers, error) {
	desks, err := lru.New[string, *desk](settings.CachedCalls)
	if err != nil {
		return nil, err
	}
	return &Handlers{log: log, access: access, settings: settings, newID: newID, desks: desks}, nil
}
