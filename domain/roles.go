package domain

// Role defines what a member may do in a study. The web app defines the values.
type Role string

// The roles, from most to least powerful.
const (
	Owner  Role = "OWNER"
	Admin  Role = "ADMIN"
	Member Role = "MEMBER"
)

// MemberStatus is the state of a membership. The web app defines the values.
type MemberStatus string

// Active is the only status that grants access; PENDING, KICKED and LEFT do not.
const Active MemberStatus = "ACTIVE"

// Membership is a user's role and status in a study. The zero value is that of a user who is no member.
type Membership struct {
	Role   Role
	Status MemberStatus
}

// Active reports whether the membership grants access.
func (m Membership) Active() bool { return m.Status == Active }
