package membership

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/studycall/studycall/postgres"
)

// webAppConns is the size of the pool for the web app's database, unless its URL names one. The database has other users, and the
// cache leaves few queries.
const webAppConns = 8

// Source is the Directory that a program uses, with its description.
type Source struct {
	Directory
	// Ours says that the users and studies are in our own tables. Only then is it useful to fill those.
	Ours bool
	// Description names the tables in a few words, without secrets.
	Description string
	// Doubts are warnings for the operator, each in a sentence: see WebApp.Check.
	Doubts []string
	// Ignored are the parameters of the URL that have no effect. See postgres.PrismaURL.
	Ignored []string

	close func()
}

// Open chooses the directory. With the URL of the web app's database, it is the web app's tables in that database, over read-only
// connections of its own. Without a URL (""), it is the web app's tables in our own database if that has a table "StudyMember",
// otherwise our own tables. The pool is that of our migrated database; Open does not close it.
//
// The web app's tables are checked: see WebApp.Check. Other errors are the database's, without its password. The caller closes the
// source after the last lookup.
func Open(ctx context.Context, pool *pgxpool.Pool, webAppsURL string) (*Source, error) {
	if webAppsURL != "" {
		return openWebApp(ctx, webAppsURL)
	}
	exists, err := HasWebApp(ctx, pool)
	switch {
	case err != nil:
		return nil, err
	case exists:
		return (&Source{Description: "the web app's tables in our own database", close: func() {}}).checked(ctx, pool)
	default:
		return &Source{Directory: NewTables(pool), Ours: true, Description: "our own tables", close: func() {}}, nil
	}
}

func openWebApp(ctx context.Context, webAppsURL string) (*Source, error) {
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
	source := &Source{
		Description: "the web app's " + describe(pool) + ", schema " + parsed.Schema + ", read-only",
		Ignored:     parsed.Ignored, close: pool.Close,
	}
	return source.checked(ctx, pool)
}

// checked makes the web app's tables the source's directory if they can be read. Otherwise it closes the source.
func (s *Source) checked(ctx context.Context, pool *pgxpool.Pool) (_ *Source, err error) {
	app := NewWebApp(pool)
	if s.Doubts, err = app.Check(ctx); err != nil {
		s.close()
		return nil, err
	}
	s.Directory = app
	return s, nil
}

// readOnly makes Postgres refuse every write.
func readOnly(config *pgxpool.Config) {
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
}

// Close closes the connections that Open made.
func (s *Source) Close() { s.close() }

// HasWebApp reports whether the database has the web app's tables, which Open then uses. The error is the database's.
func HasWebApp(ctx context.Context, pool *pgxpool.Pool) (exists bool, err error) {
	if err := pool.QueryRow(ctx, `select to_regclass('"StudyMember"') is not null`).Scan(&exists); err != nil {
		return false, fmt.Errorf("look for the web app's tables: %w", err)
	}
	return exists, nil
}

// CheckURL returns the error with which Open would refuse the URL of the web app's database, without connecting. The message fits
// behind the flag's name, in one line and without the password.
func CheckURL(text string) error {
	parsed, err := postgres.ParsePrismaURL(text)
	if err != nil {
		return err
	}
	return postgres.CheckURL(parsed.Address)
}
