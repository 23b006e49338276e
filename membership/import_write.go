package membership

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// importWriter writes batches of rows in a transaction.
type importWriter struct {
	tx   pgx.Tx
	done func(rows int)

	written int64 // members so far
	refused ImportError
}

// writeInBatches calls write with a batch of the rows at a time, and adds up what it did.
func writeInBatches[T any](w *importWriter, rows []T, into *Imported, write func([]T) (fresh, changed int64, err error)) error {
	for batch := range slices.Chunk(rows, importBatch) {
		fresh, changed, err := write(batch)
		if err != nil {
			return err
		}
		into.New += fresh
		into.Changed += changed
		into.Same += int64(len(batch)) - fresh - changed
		w.done(len(batch))
	}
	return nil
}

func (w *importWriter) users(ctx context.Context, rows []User) (fresh, changed int64, err error) {
	return w.write(ctx, importUsersSQL,
		column(rows, func(u User) string { return u.ID }), column(rows, func(u User) string { return u.Name }),
		column(rows, func(u User) string { return u.Email }), column(rows, func(u User) *string { return u.Avatar }),
		column(rows, func(u User) string { return u.Status }))
}

func (w *importWriter) studies(ctx context.Context, rows []Study) (fresh, changed int64, err error) {
	return w.write(ctx, importStudiesSQL,
		column(rows, func(s Study) string { return s.ID }), column(rows, func(s Study) string { return s.Name }))
}

// members leaves out a batch with strangers in it, so as to find them all; refused then has them, and nothing is to be
// committed.
func (w *importWriter) members(ctx context.Context, rows []Member) (fresh, changed int64, err error) {
	studies := column(rows, func(m Member) string { return m.StudyID })
	users := column(rows, func(m Member) string { return m.UserID })
	first := w.written
	w.written += int64(len(rows))
	strangers, err := w.tx.Query(ctx, strangersSQL, studies, users)
	if err != nil {
		return 0, 0, err
	}
	var n int64
	var noStudy, noUser, strange bool
	refuse := func(field, id string) {
		strange = true
		w.refused.add(fmt.Sprintf("members[%d].%s", first+n-1, field), "%s is neither in the file nor in the database", quoted(id))
	}
	_, err = pgx.ForEachRow(strangers, []any{&n, &noStudy, &noUser}, func() error {
		if noStudy {
			refuse("studyId", studies[n-1])
		}
		if noUser {
			refuse("userId", users[n-1])
		}
		return nil
	})
	if err != nil || strange {
		return 0, 0, err
	}
	return w.write(ctx, importMembersSQL, studies, users,
		column(rows, func(m Member) string { return string(m.Role) }),
		column(rows, func(m Member) string { return string(m.Status) }))
}

func (w *importWriter) write(ctx context.Context, sql string, columns ...any) (fresh, changed int64, err error) {
	err = w.tx.QueryRow(ctx, sql, columns...).Scan(&fresh, &changed)
	return fresh, changed, err
}

// column is one field of all rows.
func column[T, V any](rows []T, field func(T) V) []V {
	values := make([]V, len(rows))
	for i, row := range rows {
		values[i] = field(row)
	}
	return values
}
