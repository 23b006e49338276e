package membership_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

func TestActiveMemberAcceptsActiveMembersOnly(t *testing.T) {
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

func TestSelfOrStaffAcceptsTheUserAndActiveStaff(t *testing.T) {
	t.Parallel()
	pool := example(t)
	access := membership.NewAccess(membership.NewTables(pool))
	for _, c := range []struct {
		caller, user string
		want         error
	}{
		{"user-789", "user-789", nil},
		{"user-900", "user-900", nil}, // a former member
		{"user-555", "user-555", nil}, // never a member: EverMember refuses
		{"user-456", "user-789", nil},
		{"user-100", "user-456", nil},
		{"user-456", "user-900", nil},
		{"user-456", "nobody", nil},
		{"user-789", "user-456", domain.ErrPermissionDenied},
		{"user-789", "user-900", domain.ErrPermissionDenied},
		{"user-789", "nobody", domain.ErrPermissionDenied},
		{"user-900", "user-789", domain.ErrNotStudyMember},
		{"user-555", "user-789", domain.ErrNotStudyMember},
		{"user-555", "nobody", domain.ErrNotStudyMember},
		{"nobody", "user-789", domain.ErrNotStudyMember},
	} {
		if err := access.SelfOrStaff(t.Context(), "study-123", c.caller, c.user); !errors.Is(err, c.want) {
			t.Errorf("%s asks for %s: %v, want %v", c.caller, c.user, err, c.want)
		}
	}
	for _, status := range []string{"PENDING", "KICKED", "LEFT"} {
		exec(t, pool, `update study_members set status = $1 where role in ('OWNER', 'ADMIN')`, status)
		for _, staff := range []string{"user-456", "user-100"} {
			if err := access.SelfOrStaff(t.Context(), "study-123", staff, "user-789"); !errors.Is(err, domain.ErrNotStudyMember) {
				t.Errorf("%s, %s: %v", staff, status, err)
			}
		}
	}
	if err := access.SelfOrStaff(t.Context(), "nowhere", "user-456", "user-789"); !errors.Is(err, domain.ErrNotStudyMember) {
		t.Errorf("in another study: %v", err)
	}
}

func TestEverMemberAcceptsFormerMembers(t *testing.T) {
	t.Parallel()
	pool := example(t)
	access := membership.NewAccess(membership.NewTables(pool))
	for _, status := range []string{"ACTIVE", "PENDING", "KICKED", "LEFT"} {
		exec(t, pool, `update study_members set status = $1 where user_id = 'user-789'`, status)
		if err := access.EverMember(t.Context(), "study-123", "user-789"); err != nil {
			t.Errorf("%s: %v", status, err)
		}
	}
	for _, c := range []struct{ study, user string }{{"study-123", "user-555"}, {"study-123", "nobody"}, {"nowhere", "user-789"}} {
		if err := access.EverMember(t.Context(), c.study, c.user); !errors.Is(err, domain.ErrUserNotFound) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAFailedLookupIsNoRefusal(t *testing.T) {
	t.Parallel()
	pool := example(t)
	access := membership.NewAccess(membership.NewTables(pool))
	pool.Close()
	for name, err := range map[string]error{
		"ActiveMember": access.ActiveMember(t.Context(), "study-123", "user-456"),
		"SelfOrStaff":  access.SelfOrStaff(t.Context(), "study-123", "user-456", "user-789"),
		"EverMember":   access.EverMember(t.Context(), "study-123", "user-456"),
	} {
		if err == nil || errors.As(err, new(*domain.Error)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextsThatCannotBeIDsAreNotLookedUp(t *testing.T) {
	t.Parallel()
	access := membership.NewAccess(nil) // a lookup would panic
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
		if err := access.SelfOrStaff(t.Context(), id, "user-456", "user-789"); !errors.Is(err, domain.ErrNotStudyMember) {
			t.Errorf("staff of study %q: %v", id, err)
		}
		for _, err := range []error{access.EverMember(t.Context(), id, "user-456"), access.EverMember(t.Context(), "study-123", id)} {
			if !errors.Is(err, domain.ErrUserNotFound) {
				t.Errorf("member or study %q: %v", id, err)
			}
		}
	}
}

func TestAccountReturnsActiveAndInactiveUsers(t *testing.T) {
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

// The database accepts every text that PossibleID accepts.
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
		if err := access.EverMember(t.Context(), study, user); err != nil && !errors.Is(err, domain.ErrUserNotFound) {
			t.Errorf("EverMember(%q, %q): %v", study, user, err)
		}
	})
}
