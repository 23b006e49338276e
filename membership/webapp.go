package membership

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
)

// WebApp is the Directory in the web app's own tables, as its Prisma schema creates them. It only selects. Safe for concurrent use.
type WebApp struct{ pool *pgxpool.Pool }

// NewWebApp returns the directory in the web app's database. It does not close the pool. Check checks the tables.
func NewWebApp(pool *pgxpool.Pool) *WebApp { return &WebApp{pool} }

// Prisma creates enumerations as types, hence the casts. It can be configured without foreign keys, hence the join: a member of a
// deleted study is no member. A null status is reported as a word other than ACTIVE.
const webMembershipSQL = `
	select coalesce(m.role::text, ''), coalesce(m.status::text, 'NULL')
	from "StudyMember" m join "Study" s on s.id = m."studyId"
	where m."studyId" = $1 and m."userId" = $2`

// Membership implements Directory. The error is the database's.
func (w *WebApp) Membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	return membershipOf(ctx, w.pool, webMembershipSQL, studyID, userID)
}

const webMembershipsSQL = `
	select m."studyId", m."userId", coalesce(m.role::text, ''), coalesce(m.status::text, 'NULL')
	from unnest($1::text[], $2::text[]) as place (study, member)
	join "StudyMember" m on m."studyId" = place.study and m."userId" = place.member
	join "Study" s on s.id = m."studyId"`

// Memberships implements Directory, in one query whatever the number of places. The error is the database's.
func (w *WebApp) Memberships(ctx context.Context, places []Place) (map[Place]domain.Membership, error) {
	return membershipsOf(ctx, w.pool, webMembershipsSQL, places)
}

// A user who signed in through another site may have no name.
const webUsersSQL = `
	select id, coalesce(name, ''), coalesce(email, ''), ` + avatarSQL + `, coalesce(status::text, 'NULL')
	from "User" where id = any($1)`

// Users implements Directory, in one query whatever the number of ids. A user without a name has the name "". The error
// is the database's.
func (w *WebApp) Users(ctx context.Context, ids []string) (map[string]User, error) {
	return usersOf(ctx, w.pool, webUsersSQL, ids)
}
