package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/studycall/studycall/postgres"
	"github.com/studycall/studycall/postgres/postgrestest"
)

func membershipOf(t *testing.T, args ...string) membershipFlags {
	t.Helper()
	var flags membershipFlags
	parser, err := kong.New(&flags)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

// webSchema returns the SQL that creates the web app's tables, and webPeople the SQL that fills them.
func webSchema(t *testing.T) string { t.Helper(); return webScript(t, "schema.sql") }

func webPeople(t *testing.T) string { t.Helper(); return webScript(t, "people.sql") }

func webScript(t *testing.T, name string) string {
	t.Helper()
	sql, err := os.ReadFile("../../membership/testdata/webapp/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(sql)
}

func TestMembershipCacheLimits(t *testing.T) {
	t.Parallel()
	for args, valid := range map[string]bool{
		"": true, "--membership-cache=0s": true, "--membership-cache=1m": true, "--membership-cache=-1s": false, "--membership-cache=61s": false,
	} {
		if err := membershipOf(t, strings.Fields(args)...).check(); (err == nil) != valid {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestMembersComeFromTheWebAppsDatabase(t *testing.T) {
	t.Parallel()
	address := postgrestest.Empty(t)
	app, err := postgres.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Close)
	log := slog.New(slog.DiscardHandler)
	flags := membershipOf(t, "--membership-url="+address)
	if _, _, err := flags.directory(t.Context(), nil, log); err == nil || !strings.Contains(err.Error(), `table "User" is missing; table "Study" is missing; table "StudyMember" is missing`) {
		t.Errorf("before the web app's migrations: %v", err)
	}
	for _, sql := range []string{webSchema(t), webPeople(t)} {
		if _, err := app.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	source, cached, err := flags.directory(t.Context(), nil, log)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	m, err := cached.Membership(t.Context(), "cm3study0000008l5a1b2c3d4", "cm3owner0000008l5a1b2c3d4")
	if err != nil || !m.Active() || source.Ours {
		t.Errorf("Membership = %+v, %v; ours: %v", m, err, source.Ours)
	}
}
