package membership

import (
	"context"

	"github.com/studycall/studycall/domain"
)

// Directory is where users and members are kept. Implementations may be called concurrently.
type Directory interface {
	// Membership is a user's place in a study; the zero Membership when there is none.
	Membership(ctx context.Context, studyID, userID string) (domain.Membership, error)
	// Memberships is Membership for many at once. Where there is none it is missing from the answer.
	Memberships(ctx context.Context, places []Place) (map[Place]domain.Membership, error)
	// Users looks up users by id. Unknown ids are missing from the answer.
	Users(ctx context.Context, ids []string) (map[string]User, error)
}

// Place is where a user may be a member.
type Place struct{ StudyID, UserID string }

// Access says who may do what. It keeps nothing: a membership that ends counts from the next question on. It may be
// used concurrently.
type Access struct{ directory Directory }

// NewAccess makes the Access over a directory.
func NewAccess(directory Directory) *Access { return &Access{directory} }

// ActiveMember is nil for an active member of the study, and domain.ErrNotStudyMember for anybody else: a member who is
// not active, a stranger, any user of an unknown study. Other errors are the directory's.
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

// ActiveMembers tells of each place whether its user is an active member of the study. The error is the directory's.
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

// ActiveAccounts tells of each user whether there is an account that may be used. The error is the directory's.
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

// SelfOrStaff is nil when the caller is the user, whatever the caller is to the study: people may see what is theirs, also
// after they left. It is nil for the study's active owners and admins too. For other active members it is
// domain.ErrPermissionDenied, and for anybody else domain.ErrNotStudyMember. Whether there is such a user does not
// matter, so that who may not ask does not learn it. Other errors are the directory's.
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

// EverMember is nil for whoever is or was a member of the study, of any status, and domain.ErrUserNotFound for anybody
// else. Other errors are the directory's.
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

// membership is the zero Membership for what cannot be ids.
func (a *Access) membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	if !PossibleID(studyID) || !PossibleID(userID) {
		return domain.Membership{}, nil
	}
	return a.directory.Membership(ctx, studyID, userID)
}

// Account is the user with that id, active or not: see User.Active. The error is domain.ErrUserNotFound when there is
// none, or the directory's.
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
