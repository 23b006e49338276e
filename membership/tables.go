package membership

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
)

// Tables is the Directory in the tables of a database. It only selects. Safe for concurrent use.
type Tables struct {
	pool *pgxpool.Pool
	// The queries for a role and status; for studies, users, roles and statuses; and for the columns of users.
	membership, memberships, users string
}

// NewTables returns the directory in our own tables, in a migrated database. It does not close the pool.
func NewTables(pool *pgxpool.Pool) *Tables {
	return &Tables{pool, membershipSQL, membershipsSQL, usersSQL}
}

const (
	membershipSQL  = `select role, status from study_members where study_id = $1 and user_id = $2`
	membershipsSQL = `
		select study_id, user_id, role, status
		from unnest($1::text[], $2::text[]) as place (study_id, user_id) join study_members using (study_id, user_id)`
	usersSQL = `select id, name, email, ` + avatarSQL + `, status from users where id = any($1)`
	// avatarSQL is a user's avatar for clients. The web app also stores data: URLs of up to megabytes. A list of participants must
	// not carry those, so they do not leave the database.
	avatarSQL = `case when avatar ~* '^\s*data:' then null else avatar end`
)

// WebApp is the Directory in the web app's own tables, as its Prisma schema creates them.
type WebApp struct{ Tables }

// NewWebApp returns the directory in the web app's database. It does not close the pool. Check checks the tables.
func NewWebApp(pool *pgxpool.Pool) *WebApp {
	return &WebApp{Tables{pool, webMembershipSQL, webMembershipsSQL, webUsersSQL}}
}

// Prisma creates enumerations as types, hence the casts. It can be configured without foreign keys, hence the join: a member of a
// deleted study is no member. A null status is reported as a word other than ACTIVE. A user who signed in through another site may
// have no name, which is reported as "".
const (
	webMembershipSQL = `
		select coalesce(m.role::text, ''), coalesce(m.status::text, 'NULL')
		from "StudyMember" m join "Study" s on s.id = m."studyId"
		where m."studyId" = $1 and m."userId" = $2`
	webMembershipsSQL = `
		select m."studyId", m."userId", coalesce(m.role::text, ''), coalesce(m.status::text, 'NULL')
		from unnest($1::text[], $2::text[]) as place (study, member)
		join "StudyMember" m on m."studyId" = place.study and m."userId" = place.member
		join "Study" s on s.id = m."studyId"`
	webUsersSQL = `
		select id, coalesce(name, ''), coalesce(email, ''), ` + avatarSQL + `, coalesce(status::text, 'NULL')
		from "User" where id = any($1)`
)

// Membership implements Directory. The error is the database's.
func (t *Tables) Membership(ctx context.Context, studyID, userID string) (m domain.Membership, err error) {
	err = t.pool.QueryRow(ctx, t.membership, studyID, userID).Scan(&m.Role, &m.Status)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return domain.Membership{}, fmt.Errorf("look up the membership of user %q in study %q: %w", userID, studyID, err)
	}
	return m, nil
}

// Memberships implements Directory, in one query whatever the number of keys. The error is the database's.
func (t *Tables) Memberships(ctx context.Context, keys []Key) (map[Key]domain.Membership, error) {
	rows, _ := t.pool.Query(ctx, t.memberships, // ForEachRow returns the error
		column(keys, func(p Key) string { return p.StudyID }), column(keys, func(p Key) string { return p.UserID }))
	found := make(map[Key]domain.Membership, len(keys))
	var p Key
	var m domain.Membership
	_, err := pgx.ForEachRow(rows, []any{&p.StudyID, &p.UserID, &m.Role, &m.Status}, func() error {
		found[p] = m
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up memberships: %w", err)
	}
	return found, nil
}

// Users implements Directory, in one query whatever the number of ids. The error is the database's.
func (t *Tables) Users(ctx context.Context, ids []string) (map[string]User, error) {
	rows, _ := t.pool.Query(ctx, t.users, ids) // ForEachRow returns the error
	users := make(map[string]User, len(ids))
	var u User
	_, err := pgx.ForEachRow(rows, []any{&u.ID, &u.Name, &u.Email, &u.Avatar, &u.Status}, func() error {
		users[u.ID] = u
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	return users, nil
}
