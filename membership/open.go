package membership

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
)

// webAppConns is how many connections to the web app's database are opened at most, unless its URL says. It has other
// users, and behind the cache few queries are left.
const webAppConns = 8

// Source is the Directory that a program uses, and what it has to know of it.
type Source struct {
	Directory
	// Ours says that the users and studies are in our own tables. Elsewhere, there is nothing to fill them for.
	Ours bool
	// Description says in a few words where they are, without secrets.
	Description string
	// Doubts are what an operator should know of, each in a sentence: see WebApp.Check.
	Doubts []string
	// Ignored are the parameters of the URL that mean nothing here. See postgres.PrismaURL.
	Ignored []string

	close func()
}

// Open chooses the directory. With the URL of the web app's database, it is the web app's tables there, over connections of
// its own on which nothing can be written. Without (""), it is the web app's tables in our own database if they are there,
// told by a table "StudyMember", and else our own tables. Pool is our migrated database's, and stays the caller's.
//
// The web app's tables are checked: see WebApp.Check. Other errors are the database's, without its password. The caller
// closes the source after the last look-up.
func Open(ctx context.Context, pool *pgxpool.Pool, webAppsURL string) (*Source, error) {
	if webAppsURL != "" {
		return openElsewhere(ctx, webAppsURL)
	}
	there, err := HasWebApp(ctx, pool)
	if err != nil {
		return nil, err
	}
	if !there {
		return &Source{Directory: NewTables(pool), Ours: true, Description: "our own tables", close: func() {}}, nil
	}
	app := NewWebApp(pool)
	doubts, err := app.Check(ctx)
	if err != nil {
		return nil, err
	}
	return &Source{
		Directory: app, Description: "the web app's tables in our own database", Doubts: doubts, close: func() {},
	}, nil
}

func openElsewhere(ctx context.Context, webAppsURL string) (*Source, error) {
	parsed, err := postgres.ParsePrismaURL(webAppsURL)
	if err != nil {
		return nil, fmt.Errorf("the web app's database (--membership-url): %w", err)
	}
	options := []postgres.Option{readOnly, postgres.WithSchema(parsed.Schema)}
	if !strings.Contains(parsed.Address, "pool_max_conns") {
		options = append(options, postgres.WithMaxConns(webAppConns))
	}
	pool, err := postgres.Connect(ctx, parsed.Address, options...)
	if err != nil {
		return nil, fmt.Errorf("open the web app's database (--membership-url): %w", err)
	}
	app := NewWebApp(pool)
	doubts, err := app.Check(ctx)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Source{
		Directory: app, Description: "the web app's " + where(pool) + ", schema " + parsed.Schema + ", read-only",
		Doubts: doubts, Ignored: parsed.Ignored, close: pool.Close,
	}, nil
}

// readOnly makes Postgres itself refuse whatever would write.
func readOnly(config *pgxpool.Config) {
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
}

// Close lets go of the connections that Open made.
func (s *Source) Close() { s.close() }

const hasWebAppSQL = `select to_regclass('"StudyMember"') is not null`

// HasWebApp reports whether the web app's tables are in the database, so that Open takes them. The error is the
// database's.
func HasWebApp(ctx context.Context, pool *pgxpool.Pool) (there bool, err error) {
	if err := pool.QueryRow(ctx, hasWebAppSQL).Scan(&there); err != nil {
		return false, fmt.Errorf("look for the web app's tables: %w", err)
	}
	return there, nil
}
