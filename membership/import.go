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
)

// Write upserts the rows into our own tables, in one transaction, and does not touch other rows. It calls done after each batch
// with the number of its rows. Imports run one after the other. The error is an *ImportError if members refer to studies or users
// that exist neither in the file nor in the database, otherwise the database's or ctx's.
func (i *Import) Write(ctx context.Context, pool *pgxpool.Pool, done func(rows int)) (ImportResult, error) {
	w := &importWriter{done: done}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		w.tx = tx
		if _, err := tx.Exec(ctx, lockStudiesSQL); err != nil { // two concurrent imports could deadlock on rows
			return err
		}
		if err := inBatches(ctx, i.Users, w.users); err != nil {
			return err
		}
		if err := inBatches(ctx, i.Studies, w.studies); err != nil {
			return err
		}
		if err := inBatches(ctx, i.Members, w.members); err != nil {
			return err
		}
		return w.mistakes.orNil()
	})
	if err != nil {
		return ImportResult{}, fmt.Errorf("import members: %w", err)
	}
	return w.result, nil
}

func inBatches[T any](ctx context.Context, rows []T, write func(context.Context, []T) error) error {
	for batch := range slices.Chunk(rows, importBatch) {
		if err := write(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// importWriter writes batches of rows in a transaction.
type importWriter struct {
	tx       pgx.Tx
	done     func(rows int)
	result   ImportResult
	checked  int // members in earlier batches
	mistakes ImportError
}

func (w *importWriter) users(ctx context.Context, rows []User) error {
	return w.write(ctx, &w.result.Users, len(rows), importUsersSQL,
		column(rows, func(u User) string { return u.ID }), column(rows, func(u User) string { return u.Name }),
		column(rows, func(u User) string { return u.Email }), column(rows, func(u User) *string { return u.Avatar }),
		column(rows, func(u User) string { return u.Status }))
}

func (w *importWriter) studies(ctx context.Context, rows []Study) error {
	return w.write(ctx, &w.result.Studies, len(rows), importStudiesSQL,
		column(rows, func(s Study) string { return s.ID }), column(rows, func(s Study) string { return s.Name }))
}

// members only checks once a mistake is found, so that all mistakes are found. Write rolls back then.
func (w *importWriter) members(ctx context.Context, rows []Member) error {
	studies := column(rows, func(m Member) string { return m.StudyID })
	users := column(rows, func(m Member) string { return m.UserID })
	unknown, err := w.tx.Query(ctx, unknownIDsSQL, studies, users)
	if err != nil {
		return err
	}
	var n int
	var noStudy, noUser bool
	_, err = pgx.ForEachRow(unknown, []any{&n, &noStudy, &noUser}, func() error {
		path := fmt.Sprintf("members[%d]", w.checked+n-1)
		if noStudy {
			w.mistakes.add(path+".studyId", "%s is neither in the file nor in the database", quoted(studies[n-1]))
		}
		if noUser {
			w.mistakes.add(path+".userId", "%s is neither in the file nor in the database", quoted(users[n-1]))
		}
		return nil
	})
	w.checked += len(rows)
	if err != nil || w.mistakes.Total > 0 {
		return err
	}
	return w.write(ctx, &w.result.Members, len(rows), importMembersSQL, studies, users,
		column(rows, func(m Member) string { return string(m.Role) }), column(rows, func(m Member) string { return string(m.Status) }))
}

// write runs an insert and adds its effect to the table's result.
func (w *importWriter) write(ctx context.Context, table *Imported, rows int, insert string, columns ...any) error {
	var fresh, changed int64
	if err := w.tx.QueryRow(ctx, "with written as ("+insert+countWrittenSQL, columns...).Scan(&fresh, &changed); err != nil {
		return err
	}
	table.New += fresh
	table.Changed += changed
	table.Same += int64(rows) - fresh - changed
	w.done(rows)
	return nil
}

// column returns one field of all rows.
func column[T, V any](rows []T, field func(T) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}
