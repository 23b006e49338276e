package membership

import (
	"context"

	"github.com/studycall/studycall/domain"
)

// Directory stores users and members. Implementations are safe for concurrent use.
type Directory interface {
	// Membership returns a user's membership in a study, the zero Membership if there is none.
	Membership(ctx context.Context, studyID, userID string) (domain.Membership, error)
	// Memberships returns many memberships at once. The result lacks those that do not exist.
	Memberships(ctx context.Context, places []Place) (map[Place]domain.Membership, error)
	// Users returns users by id. The result lacks unknown ids.
	Users(ctx context.Context, ids []string) (map[string]User, error)
}

// Place names a possible membership.
type Place struct{ StudyID, UserID string }

// Access decides who may do what. It caches nothing: the end of a membership takes effect with the next call. Safe for concurrent
// use.
type Access struct{ directory Directory }

// NewAccess returns an Access to a directory.
func NewAccess(directory Directory) *Access { return &Access{directory} }

// ActiveMember returns nil for an active member of the study, and domain.ErrNotStudyMember for everybody else: an inactive member,
// a user without a membership, any user of an unknown study. Other errors are the directory's.
func (a *Access) ActiveMember(ctx context.Context, studyID, userID string) error {
	membership, err := a.membership(ctx, studyID, userID)
	if err != nil {
		return err
	}
	if !membership.Active() {
		return domain.ErrNotStudyMember
	}
	return nil
}

// ActiveMembers returns for each place whether its user is an active member of the study. The error is the directory's.
func (a *Access) ActiveMembers(ctx context.Context, places []Place) (map[Place]bool, error) {
	possible := make([]Place, 0, len(places))
	for _, p := range places {
		if PossibleID(p.StudyID) && PossibleID(p.UserID) {
			possible = append(possible, p)
		}
	}
	found, err := a.directory.Memberships(ctx, possible)
	if err != nil {
		return nil, err
	}
	active := make(map[Place]bool, len(places))
	for _, p := range places {
		active[p] = found[p].Active()
	}
	return active, nil
}

// ActiveAccounts returns for each user whether an active account exists. The error is the directory's.
func (a *Access) ActiveAccounts(ctx context.Context, userIDs []string) (map[string]bool, error) {
	possible := make([]string, 0, len(userIDs))
	for _, id := range userIDs {
		if PossibleID(id) {
			possible = append(possible, id)
		}
	}
	found, err := a.directory.Users(ctx, possible)
	if err != nil {
		return nil, err
	}
	active := make(map[string]bool, len(userIDs))
	for _, id := range userIDs {
		active[id] = found[id].Active()
	}
	return active, nil
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
	if err != nil {
		return err
	}
	if membership == (domain.Membership{}) {
		return domain.ErrUserNotFound
	}
	return nil
}

// membership returns the zero Membership for texts that cannot be ids.
func (a *Access) membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	if !PossibleID(studyID) || !PossibleID(userID) {
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
	if err != nil {
		return User{}, err
	}
	user, found := users[userID]
	if !found {
		return User{}, domain.ErrUserNotFound
	}
	return user, nil
}
