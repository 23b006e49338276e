package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // a mistake in a flag, an environment variable or their combination
)

// cli is the command line. Every flag has an environment variable.
type cli struct {
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Migrate the database, then serve (the default)."`
	Migrate     migrateCommand     `cmd:"" help:"Apply the migrations and exit. Safe from several servers at once."`
	Projections projectionsCommand `cmd:"" help:"Show how far each projection is."`
	Rebuild     rebuildCommand     `cmd:"" help:"Make projections' tables anew from the log, while they are in use."`
	Verify      verifyCommand      `cmd:"" help:"Compare projections' tables with a fold of the log, while they are in use; exit 1 on a difference."`
	Events      eventsCommand      `cmd:"" help:"Print the log."`
	Seed        seedCommand        `cmd:"" help:"Append a realistic, reproducible past, to try things out on."`
	Members     membersCommand     `cmd:"" help:"Users, studies and who is in them, in our own tables."`
	Token       tokenCommand       `cmd:"" help:"Make a session token as the web app does, to try things out with."`
	Version     versionCommand     `cmd:"" help:"Print the version."`

	Log logFlags `embed:"" group:"Logging"`
}

type logFlags struct {
	LogFormat string `enum:"text,json" default:"text" env:"STUDYCALL_LOG_FORMAT" help:"Format of log lines: text or json."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"STUDYCALL_LOG_LEVEL" help:"Least level of log lines: debug, info, warn or error."`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // one of the enum
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// streams are what a command writes to: out is its result, log what it says about its work.
type streams struct {
	out io.Writer
	log *slog.Logger
}

// usageError is a mistake in the configuration that flags alone do not show.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// run is the program with its arguments, until it is done or ctx ends. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var flags cli
	helped := false
	parser, err := kong.New(&flags,
		kong.Name("studycall"),
		kong.Description("The record of study groups' video calls, and the signalling that connects them.\n\n"+
			"Without a command it serves; without any flag, on an embedded Postgres, on loopback, with development sign-in. "+
			"The flags of the service: studycall serve --help."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}),
		kong.ShortUsageOnError(),
	)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "studycall:", err)
		return exitFailure
	}
	parsed, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "studycall: %v; see studycall --help\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(&streams{stdout, flags.Log.logger(stderr)})
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		// What was asked for is not done. Serving and following, which end so, return nil.
		_, _ = fmt.Fprintln(stderr, "studycall: interrupted")
		return exitFailure
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "studycall: %v\n", err)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(stderr, "studycall: %v\n", err)
		return exitFailure
	}
}
