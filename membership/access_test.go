package membership_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

func TestOnlyActiveMembersMay(t *testing.T) {
	t.Parallel()
	pool := example(t)
	access := membership.NewAccess(membership.NewTables(pool))
	for _, user := range []string{"user-456", "user-100", "user-789"} {
		if err := access.ActiveMember(t.Context(), "study-123", user); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	for _, user := range []string{"user-900", "user-555", "nobody"} {
		if err := access.ActiveMember(t.Context(), "study-123", user); !errors.Is(err, domain.ErrNotStudyMember) {
			t.Errorf("%s: %v", user, err)
		}
	}
	for _, status := range []string{"PENDING", "KICKED", "LEFT"} {
		exec(t, pool, `update study_members set status = $1 where user_id = 'user-456'`, status)
		if err := access.ActiveMember(t.Context(), "study-123", "user-456"); !errors.Is(err, domain.ErrNotStudyMember) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

func TestWhatCannotBeAnIDIsNobodys(t *testing.T) {
	t.Parallel()
	access := membership.NewAccess(nil) // a look-up would panic
	for _, id := range []string{"", "a\x00b", "\xff", "line\n", "\x7f", "\u0085", strings.Repeat("x", 201), strings.Repeat("한", 67)} {
		if err := access.ActiveMember(t.Context(), id, "user-456"); !errors.Is(err, domain.ErrNotStudyMember) {
			t.Errorf("study %q: %v", id, err)
		}
		if err := access.ActiveMember(t.Context(), "study-123", id); !errors.Is(err, domain.ErrNotStudyMember) {
			t.Errorf("user %q: %v", id, err)
		}
		if _, err := access.Account(t.Context(), id); !errors.Is(err, domain.ErrUserNotFound) {
			t.Errorf("account %q: %v", id, err)
		}
	}
}

func TestAccountsAreFoundActiveOrNot(t *testing.T) {
	t.Parallel()
	pool := example(t)
	access := membership.NewAccess(membership.NewTables(pool))
	user, err := access.Account(t.Context(), "user-555")
	if err != nil || user.ID != "user-555" || !user.Active() {
		t.Errorf("Account = %+v, %v", user, err)
	}
	exec(t, pool, `update users set status = 'SUSPENDED' where id = 'user-555'`)
	user, err = access.Account(t.Context(), "user-555")
	if err != nil || user.Status != "SUSPENDED" || user.Active() {
		t.Errorf("suspended: Account = %+v, %v", user, err)
	}
	if _, err := access.Account(t.Context(), "nobody"); !errors.Is(err, domain.ErrUserNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// FuzzIDs shows that the database takes whatever gets past PossibleID.
func FuzzIDs(f *testing.F) {
	access := membership.NewAccess(membership.NewTables(example(f)))
	for _, id := range []string{"user-456", "한글", "a\x00b", "\xff\xfe", "\u202e", "'; drop table users", `\x00`, "\ufffe", "😀"} {
		f.Add(id, id)
	}
	f.Fuzz(func(t *testing.T, study, user string) {
		err := access.ActiveMember(t.Context(), study, user)
		if err != nil && !errors.Is(err, domain.ErrNotStudyMember) {
			t.Errorf("ActiveMember(%q, %q): %v", study, user, err)
		}
		if _, err := access.Account(t.Context(), user); err != nil && !errors.Is(err, domain.ErrUserNotFound) {
			t.Errorf("Account(%q): %v", user, err)
		}
	})
}
