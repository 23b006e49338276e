package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/membership"
)

type tokenCommand struct {
	User          string        `env:"STUDYCALL_TOKEN_USER" required:"" placeholder:"ID" help:"The user id in the token."`
	Secret        string        `env:"NEXTAUTH_SECRET,AUTH_SECRET" placeholder:"SECRET" help:"The web app's secret; the first of several, separated by commas. Prefer a variable: other users of the machine can see a process's flags."`
	Name          string        `env:"STUDYCALL_TOKEN_NAME" placeholder:"NAME" help:"The user's name in the token. The service ignores it."`
	Email         string        `env:"STUDYCALL_TOKEN_EMAIL" placeholder:"EMAIL" help:"The user's email address in the token. The service ignores it."`
	MaxAge        time.Duration `env:"STUDYCALL_TOKEN_MAX_AGE" default:"24h" placeholder:"TIME" help:"How long the token is valid, such as 30m (${default})."`
	Cookie        bool          `env:"STUDYCALL_TOKEN_COOKIE" help:"Print name=token, as in a Cookie header."`
	SessionCookie string        `env:"STUDYCALL_SESSION_COOKIE" placeholder:"NAME" help:"The name for --cookie (next-auth.session-token)."`
}

// Validate is called by the parser.
func (c *tokenCommand) Validate() error {
	if c.MaxAge < time.Second {
		return fmt.Errorf("--max-age must be at least 1s, not %v", c.MaxAge)
	}
	return nil
}

// Run prints a session token like the web app's, and nothing else: it is for $(…).
func (c *tokenCommand) Run(s *streams) error {
	if !membership.PossibleID(c.User) {
		return usageErrorf("--user %q cannot sign in anywhere: ids have 1 to 200 bytes of UTF-8 and no control characters", c.User)
	}
	if c.Secret == "" {
		return usageErrorf("a token needs the web app's secret: set NEXTAUTH_SECRET or --secret")
	}
	secrets, err := auth.ParseSecrets(c.Secret)
	if err != nil {
		return usageErrorf("--secret (NEXTAUTH_SECRET): %w", err)
	}
	name := cmp.Or(c.SessionCookie, auth.DefaultCookie)
	if err := auth.CheckCookieName(name); err != nil {
		return usageErrorf("--session-cookie: %w", err)
	}
	session := auth.Session{UserID: c.User, Name: c.Name, Email: c.Email}
	token, err := auth.Mint(secrets[0], session, time.Now(), c.MaxAge)
	if err != nil {
		return err
	}
	if c.Cookie {
		token = name + "=" + token
	}
	_, err = fmt.Fprintln(s.out, token)
	return err
}
