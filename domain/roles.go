package domain

// Role is what a member may do in a study. The values are the web app's.
type Role string

// The roles, from most to least powerful.
const (
	Owner  Role = "OWNER"
	Admin  Role = "ADMIN"
	Member Role = "MEMBER"
)

// MemberStatus is the state of a membership. The values are the web app's. Only Active counts.
type MemberStatus string

// Active is the one status of a membership that lets its user in; PENDING, KICKED and LEFT do not.
const Active MemberStatus = "ACTIVE"

// Membership is a user's place in a study. The zero value is nobody's.
type Membership struct {
	Role   Role
	Status MemberStatus
}

// Active reports whether the membership counts at all.
func (m Membership) Active() bool { return m.Status == Active }
