package membership

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// lockStudiesSQL waits for other writers of studies, an import or another server's example, and keeps them out until the end of the
// transaction.
const lockStudiesSQL = `lock table studies in share row exclusive mode`

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
