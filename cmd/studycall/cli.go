package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"
)

// cli is the command line. Every flag has an environment variable.
type cli struct {
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Migrate the database, then serve (the default)."`
	Migrate     migrateCommand     `cmd:"" help:"Apply the migrations and exit. Safe from several servers at once."`
	Projections projectionsCommand `cmd:"" help:"Show how far each projection is; have a stopped one try again."`
	Rebuild     rebuildCommand     `cmd:"" help:"Make projections' tables anew from the log, while they are in use."`
	Verify      verifyCommand      `cmd:"" help:"Compare projections' tables with a fold of the log, while they are in use."`
	Events      eventsCommand      `cmd:"" help:"Print the log."`
	Seed        seedCommand        `cmd:"" help:"Append a realistic, reproducible past, to try things out on."`
	Members     membersCommand     `cmd:"" help:"Users, studies and who is in them, in our own tables."`
	Token       tokenCommand       `cmd:"" help:"Make a session token as the web app does, to try things out with."`
	Bench       benchCommand       `cmd:"" help:"Benchmarks, each beside its limit on this machine."`
	Version     versionCommand     `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" short:"V" help:"Print the version."`

	Log logFlags `embed:"" group:"Logging"`
}

// streams are what a command writes to: out is its result, log what it says about its work.
type streams struct {
	out io.Writer
	log *slog.Logger
}

// run is the program with its arguments, until it is done or ctx ends. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var flags cli
	told := false // help, or the version
	parser, err := kong.New(&flags,
		kong.Name("studycall"),
		kong.Description("The record of study groups' video calls, and the signalling that connects them.\n\n"+
			"Without a command it serves; without any flag, on an embedded Postgres, on loopback, with development sign-in. "+
			"The flags of the service: studycall serve --help."),
		kong.Vars{"version": version()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { told = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, Summary: true}),
		kong.ShortUsageOnError(),
	)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "studycall:", err)
		return exitFailure
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	parsed, err := parser.Parse(joinNegative(args))
	if told {
		return exitOK
	}
	if err != nil {
		var wrong *kong.ParseError
		if errors.As(err, &wrong) {
			parsed = wrong.Context
		}
		_, _ = fmt.Fprintf(stderr, "studycall: %s; see %s --help\n", withVariable(err.Error(), parsed), commandOf(parsed, args))
		return exitUsage
	}
	log := flags.Log.logger(stderr)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = overridden(parsed)
	if err == nil {
		err = parsed.Run(&streams{stdout, log})
	}
	code, err := exitCode(ctx, err)
	if err == nil {
		return code
	}
	message := err.Error()
	if code == exitUsage {
		message = withVariable(message, parsed)
	}
	if flags.Log.LogFormat == "json" {
		log.Error(message)
	} else {
		_, _ = fmt.Fprintf(stderr, "studycall: %s\n", message)
	}
	return code
}

// commandOf is the program with the command that was begun, as its help is asked for: of an unknown one, the program alone.
func commandOf(parsed *kong.Context, args []string) string {
	names := []string{"studycall"}
	if parsed == nil {
		return names[0]
	}
	for _, step := range parsed.Path {
		unknown := step.Command != nil && step.Command.Name == "serve" && len(args) > 0 && args[0] != "serve" && !strings.HasPrefix(args[0], "-")
		if step.Command != nil && !unknown {
			names = append(names, step.Command.Name)
		}
	}
	return strings.Join(names, " ")
}

// overridden refuses a --data-dir that would not be used, since a database is named. The variable of the one beside the
// flag of the other is no contradiction.
func overridden(command *kong.Context) error {
	url, given := "", false
	for _, flag := range command.Flags() {
		if flag.Name == "database-url" {
			url = flag.Target.String()
		}
	}
	for _, step := range command.Path {
		given = given || step.Flag != nil && step.Flag.Name == "data-dir"
	}
	if given && url != "" {
		return usageError{"--data-dir is where the embedded Postgres keeps its data, and --database-url (DATABASE_URL) names another database: give one of them"}
	}
	return nil
}
