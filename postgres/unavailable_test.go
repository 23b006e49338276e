package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func TestUnavailableIsTrueForErrorsOfTheServerNotTheStatement(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code} }
	for name, each := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":                     {nil, false},
		"refused":                     {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true},
		"reset":                       {syscall.ECONNRESET, true},
		"broken pipe":                 {syscall.EPIPE, true},
		"end of file":                 {io.ErrUnexpectedEOF, true},
		"closed connection":           {pgconn.ErrConnClosed, true},
		"database/sql's closed one":   {sql.ErrConnDone, true},
		"deadline":                    {context.DeadlineExceeded, true},
		"network timeout":             {&net.DNSError{IsTimeout: true}, true},
		"the caller cancelled":        {context.Canceled, false},
		"cancelled while connecting":  {errors.Join(context.Canceled, syscall.ECONNRESET), false},
		"connection exception 08006":  {state("08006"), true},
		"admin shutdown 57P01":        {state("57P01"), true},
		"crash shutdown 57P02":        {state("57P02"), true},
		"starting up 57P03":           {state("57P03"), true},
		"too many connections 53300":  {state("53300"), true},
		"disk full 53100":             {state("53100"), true},
		"io error 58030":              {state("58030"), true},
		"read-only after failover":    {state("25006"), true},
		"unique violation 23505":      {state("23505"), false},
		"check violation 23514":       {state("23514"), false},
		"serialization failure 40001": {state("40001"), false},
		"deadlock 40P01":              {state("40P01"), false},
		"statement timeout 57014":     {state("57014"), false},
		"lock not available 55P03":    {state("55P03"), false},
		"undefined table 42P01":       {state("42P01"), false},
		"raised by a trigger P0001":   {state("P0001"), false},
		"no rows":                     {pgx.ErrNoRows, false},
		"a finished transaction":      {pgx.ErrTxClosed, false},
		"anything else":               {errors.New("connection refused"), false},
	} {
		if each.want && postgres.Blocked(each.err) {
			t.Errorf("%s: both Unavailable and Blocked", name)
		}
		if got := postgres.Unavailable(each.err); got != each.want {
			t.Errorf("%s: got %v, want %v", name, got, each.want)
		}
		if each.err == nil {
			continue
		}
		if got := postgres.Unavailable(fmt.Errorf("loading: %w", each.err)); got != each.want {
			t.Errorf("%s, wrapped: got %v, want %v", name, got, each.want)
		}
	}
}

func TestUnavailableWhileTheServerStopsAndStarts(t *testing.T) {
	t.Parallel()
	server := postgrestest.Cluster(t)
	pool, err := postgres.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	expect := func(what string, err error, want bool) {
		t.Helper()
		if err == nil || postgres.Unavailable(err) != want {
			t.Errorf("%s: got %v, want Unavailable %v", what, err, want)
		}
	}
	_, err = pool.Exec(t.Context(), "select 1/0")
	expect("a mistake in a statement", err, false)

	// Given a transaction, when the server stops
	for _, crash := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if crash {
			err = server.Crash(t.Context())
		} else {
			err = server.Stop(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(t.Context(), "select 1")
		expect("in a transaction", err, true)
		_, err = pool.Exec(t.Context(), "select 1")
		expect("a new connection", err, true)
		_, err = postgres.Connect(t.Context(), server.URL())
		expect("Connect", err, true)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = pool.Exec(cancelled, "select 1")
		expect("cancelled by the caller", err, false)
		_ = tx.Rollback(t.Context())

		// When the server runs again, the same pool works
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec(t.Context(), "select 1"); err != nil {
			t.Errorf("after the restart: %v", err)
		}
	}

	// A query that takes longer than the caller's deadline
	deadline, cancel := context.WithTimeout(t.Context(), 20e6)
	defer cancel()
	_, err = pool.Exec(deadline, "select pg_sleep(10)")
	expect("a deadline", err, true)
	pool.Close()
	_, err = pool.Exec(t.Context(), "select 1")
	expect("a closed pool", err, true)
}
