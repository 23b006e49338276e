package membership

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/studycall/studycall/domain"
)

// Directory stores users and members. Implementations are safe for concurrent use.
type Directory interface {
	// Membership returns a user's membership in a study, the zero Membership if there is none.
	Membership(ctx context.Context, studyID, userID string) (domain.Membership, error)
	// Memberships returns many memberships at once. The result lacks those that do not exist.
	Memberships(ctx context.Context, keys []Key) (map[Key]domain.Membership, error)
	// Users returns users by id. The result lacks unknown ids.
	Users(ctx context.Context, ids []string) (map[string]User, error)
}

// Key is a study and a user.
type Key struct{ StudyID, UserID string }

func (p Key) possible() bool { return PossibleID(p.StudyID) && PossibleID(p.UserID) }

// User is a person with an account.
type User struct {
	ID    string
	Name  string
	Email string
	// Avatar is a URL that a browser can load, or nil. It is never a data: URL.
	Avatar *string
	// Status is the account's status as the web app names it.
	Status string
}

// Active reports whether the account may be used.
func (u User) Active() bool { return u.Status == "ACTIVE" }

// maxIDBytes is far more than the web app's ids have (cuid: 25 bytes), and few enough for any index.
const maxIDBytes = 200

// PossibleID reports whether a text from outside can be an id: 1 to 200 bytes of UTF-8 without control characters. Other texts are
// never sent to the database, which refuses some of them with an error.
func PossibleID(id string) bool {
	return id != "" && len(id) <= maxIDBytes && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}

// Access decides who may do what. It caches nothing: the end of a membership takes effect with the next call. Safe for concurrent
// use.
type Access struct{ directory Directory }

// NewAccess returns an Access to a directory.
func NewAccess(directory Directory) *Access { return &Access{directory} }

// ActiveMember returns nil for an active member of the study, and domain.ErrNotStudyMember for everybody else: an inactive member,
// a user without a membership, any user of an unknown study. Other errors are the directory's.
func (a *Access) ActiveMember(ctx context.Context, studyID, userID string) error {
	membership, err := a.membership(ctx, studyID, userID)
	if err == nil && !membership.Active() {
		return domain.ErrNotStudyMember
	}
	return err
}

// ActiveMembers returns for each key whether its user is an active member of the study. The error is the directory's.
func (a *Access) ActiveMembers(ctx context.Context, keys []Key) (map[Key]bool, error) {
	return active(ctx, keys, Key.possible, a.directory.Memberships)
}

// ActiveAccounts returns for each user whether an active account exists. The error is the directory's.
func (a *Access) ActiveAccounts(ctx context.Context, userIDs []string) (map[string]bool, error) {
	return active(ctx, userIDs, PossibleID, a.directory.Users)
}

// active returns for each key whether the directory has an active value. It looks up the possible keys only.
func active[K comparable, V interface{ Active() bool }](
	ctx context.Context, keys []K, possible func(K) bool, lookUp func(context.Context, []K) (map[K]V, error),
) (map[K]bool, error) {
	impossible := func(key K) bool { return !possible(key) }
	found, err := lookUp(ctx, slices.DeleteFunc(slices.Clone(keys), impossible))
	if err != nil {
		return nil, err
	}
	result := make(map[K]bool, len(keys))
	for _, key := range keys {
		result[key] = found[key].Active()
	}
	return result, nil
}

// SelfOrStaff returns nil if the caller is the user, with or without a membership: people may see their own data, also after they
// left. It returns nil for the study's active owners and admins too, domain.ErrPermissionDenied for other active members, and
// domain.ErrNotStudyMember for everybody else. Whether the user exists makes no difference, so that the answer does not reveal it.
// Other errors are the directory's.
func (a *Access) SelfOrStaff(ctx context.Context, studyID, callerID, userID string) error {
	if callerID == userID {
		return nil
	}
	membership, err := a.membership(ctx, studyID, callerID)
	switch {
	case err != nil:
		return err
	case !membership.Active():
		return domain.ErrNotStudyMember
	case membership.Role != domain.Owner && membership.Role != domain.Admin:
		return domain.ErrPermissionDenied
	default:
		return nil
	}
}

// EverMember returns nil for a present or former member of the study, of any status, and domain.ErrUserNotFound for everybody else.
// Other errors are the directory's.
func (a *Access) EverMember(ctx context.Context, studyID, userID string) error {
	membership, err := a.membership(ctx, studyID, userID)
	if err == nil && membership == (domain.Membership{}) {
		return domain.ErrUserNotFound
	}
	return err
}

// membership returns the zero Membership for texts that cannot be ids.
func (a *Access) membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	if !(Key{studyID, userID}).possible() {
		return domain.Membership{}, nil
	}
	return a.directory.Membership(ctx, studyID, userID)
}

// Account returns the user with the id, active or not: see User.Active. The error is domain.ErrUserNotFound if there is none,
// otherwise the directory's.
func (a *Access) Account(ctx context.Context, userID string) (User, error) {
	if !PossibleID(userID) {
		return User{}, domain.ErrUserNotFound
	}
	users, err := a.directory.Users(ctx, []string{userID})
	user, found := users[userID]
	if err == nil && !found {
		return User{}, domain.ErrUserNotFound
	}
	return user, err
}
