package membership

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
)

// importBatch is the number of rows in one statement. Larger batches are not faster (measured), and progress is reported
// after each.
const importBatch = 5000

// Import is the content of an import file: see ReadImport.
type Import struct {
	Users   []User
	Studies []Study
	Members []Member
}

// beginner is a pool or a transaction.
type beginner interface {
	Begin(context.Context) (pgx.Tx, error)
}

// Study is a study group.
type Study struct{ ID, Name string }

// Member is a user's membership in a study.
type Member struct {
	StudyID, UserID string
	domain.Membership
}

// Rows returns the number of rows.
func (i *Import) Rows() int { return len(i.Users) + len(i.Studies) + len(i.Members) }

// Imported is the effect of an import on one table: how many rows were new, changed, or the same before.
type Imported struct{ New, Changed, Same int64 }

// ImportResult is the effect of an import.
type ImportResult struct{ Users, Studies, Members Imported }

const (
	importUsersSQL = `
		insert into users as u (id, name, email, avatar, status)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
		on conflict (id) do update
			set name = excluded.name, email = excluded.email, avatar = excluded.avatar, status = excluded.status
			where (u.name, u.email, u.avatar, u.status)
			      is distinct from (excluded.name, excluded.email, excluded.avatar, excluded.status)`
	importStudiesSQL = `
		insert into studies as s (id, name)
		select * from unnest($1::text[], $2::text[])
		on conflict (id) do update set name = excluded.name where s.name <> excluded.name`
	importMembersSQL = `
		insert into study_members as m (study_id, user_id, role, status)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
		on conflict (study_id, user_id) do update set role = excluded.role, status = excluded.status
			where (m.role, m.status) <> (excluded.role, excluded.status)`
	// countWrittenSQL follows "with written as (" and an insert. Unchanged rows are not returned; xmax is 0 in a new row.
	countWrittenSQL = `
		returning xmax = 0 as new)
		select count(*) filter (where new), count(*) filter (where not new) from written`
	// unknownIDsSQL finds members whose study or user does not exist; n is the position in the batch, from 1.
	unknownIDsSQL = `
		select m.n, s.id is null, u.id is null
		from unnest($1::text[], $2::text[]) with ordinality as m (study_id, user_id, n)
		left join studies s on s.id = m.study_id
		left join users u on u.id = m.user_id
		where s.id is null or u.id is null
		order by m.n`
	// lockStudiesSQL waits for other writers of studies, an import or another server's example, and keeps them out until the end of
	// the transaction.
	lockStudiesSQL = `lock table studies in share row exclusive mode`
)

// Write upserts the rows into our own tables, in one transaction (or within db, if it is one), and does not touch other rows. It
// calls done after each batch with the number of its rows. Imports run one after the other. The error is an *ImportError if members
// refer to studies or users that exist neither in the file nor in the database, otherwise the database's or ctx's.
func (i *Import) Write(ctx context.Context, db beginner, done func(rows int)) (ImportResult, error) {
	var result ImportResult
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) (err error) {
		if _, err = tx.Exec(ctx, lockStudiesSQL); err != nil { // two concurrent imports could deadlock on rows
			return err
		}
		if result.Users, err = upsert(ctx, tx, i.Users, done, importUsersSQL, userColumns); err != nil {
			return err
		}
		if result.Studies, err = upsert(ctx, tx, i.Studies, done, importStudiesSQL, studyColumns); err != nil {
			return err
		}
		if err = i.checkMembers(ctx, tx); err != nil {
			return err
		}
		result.Members, err = upsert(ctx, tx, i.Members, done, importMembersSQL, memberColumns)
		return err
	})
	if err != nil {
		return ImportResult{}, fmt.Errorf("import members: %w", err)
	}
	return result, nil
}

func userColumns(rows []User) []any {
	return []any{
		column(rows, func(u User) string { return u.ID }), column(rows, func(u User) string { return u.Name }),
		column(rows, func(u User) string { return u.Email }), column(rows, func(u User) *string { return u.Avatar }),
		column(rows, func(u User) string { return u.Status }),
	}
}

func studyColumns(rows []Study) []any {
	return []any{column(rows, func(s Study) string { return s.ID }), column(rows, func(s Study) string { return s.Name })}
}

func memberColumns(rows []Member) []any {
	return []any{
		column(rows, func(m Member) string { return m.StudyID }), column(rows, func(m Member) string { return m.UserID }),
		column(rows, func(m Member) string { return string(m.Role) }), column(rows, func(m Member) string { return string(m.Status) }),
	}
}

// checkMembers returns an *ImportError if studies or users of members do not exist.
func (i *Import) checkMembers(ctx context.Context, tx pgx.Tx) error {
	var mistakes ImportError
	var n, checked int
	var noStudy, noUser bool
	for batch := range slices.Chunk(i.Members, importBatch) {
		unknown, _ := tx.Query(ctx, unknownIDsSQL, memberColumns(batch)[:2]...) // ForEachRow returns the error
		_, err := pgx.ForEachRow(unknown, []any{&n, &noStudy, &noUser}, func() error {
			path, member := fmt.Sprintf("members[%d]", checked+n-1), batch[n-1]
			if noStudy {
				mistakes.add(path+".studyId", "%s is neither in the file nor in the database", quoted(member.StudyID))
			}
			if noUser {
				mistakes.add(path+".userId", "%s is neither in the file nor in the database", quoted(member.UserID))
			}
			return nil
		})
		if err != nil {
			return err
		}
		checked += len(batch)
	}
	if mistakes.Total > 0 {
		return &mistakes
	}
	return nil
}

// upsert runs an insert for each batch of rows, and returns its effect.
func upsert[T any](
	ctx context.Context, tx pgx.Tx, rows []T, done func(rows int), insert string, columns func([]T) []any,
) (Imported, error) {
	result := Imported{Same: int64(len(rows))}
	for batch := range slices.Chunk(rows, importBatch) {
		var fresh, changed int64
		err := tx.QueryRow(ctx, "with written as ("+insert+countWrittenSQL, columns(batch)...).Scan(&fresh, &changed)
		if err != nil {
			return Imported{}, err
		}
		result.New += fresh
		result.Changed += changed
		result.Same -= fresh + changed
		done(len(batch))
	}
	return result, nil
}

// column returns one field of all rows.
func column[T, V any](rows []T, field func(T) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}

const exampleSQL = `
	with people as (
		insert into users (id, name, email, avatar, status)
		select id, name, id || '@example.com', 'https://example.com/avatars/' || id || '.png', 'ACTIVE'
		from (values ('user-456', '김철수'), ('user-100', '박민수'), ('user-789', '이영희'), ('user-900', '최지우'),
		             ('user-555', '정수빈')) as person (id, name)
		on conflict (id) do nothing
	), study as (
		insert into studies (id, name) values ('study-123', '알고리즘 스터디')
	)
	insert into study_members (study_id, user_id, role, status)
	values ('study-123', 'user-456', 'OWNER', 'ACTIVE'), ('study-123', 'user-100', 'ADMIN', 'ACTIVE'),
	       ('study-123', 'user-789', 'MEMBER', 'ACTIVE'), ('study-123', 'user-900', 'MEMBER', 'LEFT')`

// SeedExample inserts an example study and its members, for trying out, if there is no study yet, and reports whether it did. Of
// several concurrent servers, one inserts. The error is the database's.
func SeedExample(ctx context.Context, pool *pgxpool.Pool) (seeded bool, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockStudiesSQL); err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRow(ctx, `select exists (select from studies)`).Scan(&exists); err != nil || exists {
			return err
		}
		_, err := tx.Exec(ctx, exampleSQL)
		seeded = err == nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("seed the example study: %w", err)
	}
	return seeded, nil
}
