package commands

import (
	"context"

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
