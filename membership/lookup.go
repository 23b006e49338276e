package membership

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/domain"
)

// membershipOf runs a query for the role and status of a user in a study. Without a row it returns the zero Membership.
func membershipOf(ctx context.Context, pool *pgxpool.Pool, sql, studyID, userID string) (domain.Membership, error) {
	var m domain.Membership
	err := pool.QueryRow(ctx, sql, studyID, userID).Scan(&m.Role, &m.Status)
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.Membership{}, nil
	}
	if err != nil {
		return domain.Membership{}, fmt.Errorf("look up the membership of user %q in study %q: %w", userID, studyID, err)
	}
	return m, nil
}

// membershipsOf runs a query for study, user, role and status. The query's parameters are the studies and the users of the places.
func membershipsOf(ctx context.Context, pool *pgxpool.Pool, sql string, places []Place) (map[Place]domain.Membership, error) {
	rows, err := pool.Query(ctx, sql,
		column(places, func(p Place) string { return p.StudyID }), column(places, func(p Place) string { return p.UserID }))
	if err != nil {
		return nil, fmt.Errorf("look up memberships: %w", err)
	}
	found := make(map[Place]domain.Membership, len(places))
	var p Place
	var m domain.Membership
	_, err = pgx.ForEachRow(rows, []any{&p.StudyID, &p.UserID, &m.Role, &m.Status}, func() error {
		found[p] = m
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up memberships: %w", err)
	}
	return found, nil
}

// usersOf runs a query for the columns of the users with the ids.
func usersOf(ctx context.Context, pool *pgxpool.Pool, sql string, ids []string) (map[string]User, error) {
	rows, err := pool.Query(ctx, sql, ids)
	if err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	users := make(map[string]User, len(ids))
	var u User
	_, err = pgx.ForEachRow(rows, []any{&u.ID, &u.Name, &u.Email, &u.Avatar, &u.Status}, func() error {
		users[u.ID] = u
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up users: %w", err)
	}
	return users, nil
}
