package main

import (
	"fmt"
	"time"

	"github.com/studycall/studycall/auth"
	"github.com/studycall/studycall/membership"
)

type tokenCommand struct {
	User          string        `env:"STUDYCALL_TOKEN_USER" required:"" placeholder:"ID" help:"The user whom the token names."`
	Secret        string        `env:"NEXTAUTH_SECRET,AUTH_SECRET" placeholder:"SECRET" help:"The web app's secret; the first of several, with commas between. Better in a variable: others see a process's flags."`
	Name          string        `env:"STUDYCALL_TOKEN_NAME" placeholder:"NAME" help:"The user's name, for whoever reads it from the token; the service does not."`
	Email         string        `env:"STUDYCALL_TOKEN_EMAIL" placeholder:"EMAIL" help:"The user's address, likewise."`
	MaxAge        time.Duration `env:"STUDYCALL_TOKEN_MAX_AGE" default:"24h" placeholder:"TIME" help:"How long the token is valid, such as 30m (${default})."`
	Cookie        bool          `env:"STUDYCALL_TOKEN_COOKIE" help:"Print name=token, as a Cookie header has it, for curl --cookie."`
	SessionCookie string        `env:"STUDYCALL_SESSION_COOKIE" placeholder:"NAME" help:"The name for --cookie (next-auth.session-token)."`
}

// Validate is called by the parser.
func (c *tokenCommand) Validate() error {
	if c.MaxAge < time.Second {
		return fmt.Errorf("--max-age must be at least 1s, not %v", c.MaxAge)
	}
	return nil
}

// Run prints a session token such as the web app makes, and nothing else: it is for $(…).
func (c *tokenCommand) Run(s *streams) error {
	if !membership.PossibleID(c.User) {
		return usageError{fmt.Sprintf("--user %q cannot sign in anywhere: ids have 1 to 200 bytes of UTF-8 and no control characters", c.User)}
	}
	if c.Secret == "" {
		return usageError{"a token is made with the web app's secret: set NEXTAUTH_SECRET, or give --secret"}
	}
	secrets, err := auth.ParseSecrets(c.Secret)
	if err != nil {
		return usageError{fmt.Sprintf("--secret (NEXTAUTH_SECRET): %v", err)}
	}
	name := c.SessionCookie
	if name == "" {
		name = auth.DefaultCookie
	}
	if err := auth.CheckCookieName(name); err != nil {
		return usageError{fmt.Sprintf("--session-cookie: %v", err)}
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
