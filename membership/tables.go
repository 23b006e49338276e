package membership

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
)

// Tables is the Directory in our own tables. Safe for concurrent use.
type Tables struct{ pool *pgxpool.Pool }

// NewTables returns the directory in a migrated database. It does not close the pool.
func NewTables(pool *pgxpool.Pool) *Tables { return &Tables{pool} }

const membershipSQL = `select role, status from study_members where study_id = $1 and user_id = $2`

// Membership implements Directory. The error is the database's.
func (t *Tables) Membership(ctx context.Context, studyID, userID string) (domain.Membership, error) {
	return membershipOf(ctx, t.pool, membershipSQL, studyID, userID)
}

const membershipsSQL = `
	select study_id, user_id, role, status
	from unnest($1::text[], $2::text[]) as place (study_id, user_id) join study_members using (study_id, user_id)`

// Memberships implements Directory, in one query whatever the number of places. The error is the database's.
func (t *Tables) Memberships(ctx context.Context, places []Place) (map[Place]domain.Membership, error) {
	return membershipsOf(ctx, t.pool, membershipsSQL, places)
}

// avatarSQL is a user's avatar for clients. The web app also stores data: URLs of up to megabytes. A list of participants must not
// carry those, so they do not leave the database.
const avatarSQL = `case when avatar ~* '^\s*data:' then null else avatar end`

const usersSQL = `select id, name, email, ` + avatarSQL + `, status from users where id = any($1)`

// Users implements Directory, in one query whatever the number of ids. The error is the database's.
func (t *Tables) Users(ctx context.Context, ids []string) (map[string]User, error) {
	return usersOf(ctx, t.pool, usersSQL, ids)
}
