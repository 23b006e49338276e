package membership

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
)

// importBatch is how many rows go into the database at once. Larger ones gain nothing (measured), and progress is told
// after each.
const importBatch = 5000

// Import is what an import file holds: see ReadImport.
type Import struct {
	Users   []User
	Studies []Study
	Members []Member
}

// Study is a study group.
type Study struct{ ID, Name string }

// Member is a user's place in a study.
type Member struct {
	StudyID, UserID string
	domain.Membership
}

// Rows is how many rows the import has.
func (i *Import) Rows() int { return len(i.Users) + len(i.Studies) + len(i.Members) }

// Imported is what an import did to one table: how many rows are new, changed, or were there just so.
type Imported struct{ New, Changed, Same int64 }

// ImportResult is what an import did.
type ImportResult struct{ Users, Studies, Members Imported }

const importUsersSQL = `
	with written as (
		insert into users as u (id, name, email, avatar, status)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
		on conflict (id) do update
			set name = excluded.name, email = excluded.email, avatar = excluded.avatar, status = excluded.status
			where (u.name, u.email, u.avatar, u.status)
			      is distinct from (excluded.name, excluded.email, excluded.avatar, excluded.status)
		returning xmax = 0 as new
	)
	select count(*) filter (where new), count(*) filter (where not new) from written`

const importStudiesSQL = `
	with written as (
		insert into studies as s (id, name)
		select * from unnest($1::text[], $2::text[])
		on conflict (id) do update set name = excluded.name where s.name <> excluded.name
		returning xmax = 0 as new
	)
	select count(*) filter (where new), count(*) filter (where not new) from written`

const importMembersSQL = `
	with written as (
		insert into study_members as m (study_id, user_id, role, status)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
		on conflict (study_id, user_id) do update set role = excluded.role, status = excluded.status
			where (m.role, m.status) <> (excluded.role, excluded.status)
		returning xmax = 0 as new
	)
	select count(*) filter (where new), count(*) filter (where not new) from written`

// Members of studies and users that are neither in the file nor in the database, by their place in the batch from 1.
const strangersSQL = `
	select m.n, s.id is null, u.id is null
	from unnest($1::text[], $2::text[]) with ordinality as m (study_id, user_id, n)
	left join studies s on s.id = m.study_id
	left join users u on u.id = m.user_id
	where s.id is null or u.id is null
	order by m.n`

// Write puts the rows into our own tables, over whatever is there of the same ids, and leaves all others as they are: all
// of them or, on an error, none. Done is called now and then with how many more rows are through. Imports go one after
// the other. The error is an *ImportError when members belong to what does not exist, and else the database's, or ctx's.
func (i *Import) Write(ctx context.Context, pool *pgxpool.Pool, done func(rows int)) (ImportResult, error) {
	var result ImportResult
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockStudiesSQL); err != nil { // two imports could lock each other's rows out
			return err
		}
		return i.write(ctx, &importWriter{tx: tx, done: done}, &result)
	})
	if err != nil {
		return ImportResult{}, fmt.Errorf("import members: %w", err)
	}
	return result, nil
}

func (i *Import) write(ctx context.Context, w *importWriter, result *ImportResult) error {
	err := writeInBatches(w, i.Users, &result.Users, func(rows []User) (int64, int64, error) { return w.users(ctx, rows) })
	if err != nil {
		return err
	}
	err = writeInBatches(w, i.Studies, &result.Studies, func(rows []Study) (int64, int64, error) { return w.studies(ctx, rows) })
	if err != nil {
		return err
	}
	err = writeInBatches(w, i.Members, &result.Members, func(rows []Member) (int64, int64, error) { return w.members(ctx, rows) })
	if err != nil {
		return err
	}
	return w.refused.orNil()
}
