package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// cli is the command line. Every flag has an environment variable.
type cli struct {
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Migrate the database, then serve (the default)."`
	Migrate     migrateCommand     `cmd:"" help:"Apply the migrations and exit. Safe on several servers at once."`
	Projections projectionsCommand `cmd:"" help:"Show the progress of each projection; retry a stopped one."`
	Rebuild     rebuildCommand     `cmd:"" help:"Rebuild projections' tables from the log, while servers use them."`
	Verify      verifyCommand      `cmd:"" help:"Compare projections' tables with the log, while servers use them."`
	Events      eventsCommand      `cmd:"" help:"Print the log."`
	Seed        seedCommand        `cmd:"" help:"Append a realistic, reproducible past for experiments."`
	Members     membersCommand     `cmd:"" help:"Manage users, studies and members in the service's own tables."`
	Token       tokenCommand       `cmd:"" help:"Make a session token like the web app's, for experiments."`
	Bench       benchCommand       `cmd:"" help:"Benchmarks, each compared with its limit on this machine."`
	Version     versionCommand     `cmd:"" help:"Print the version."`

	ShowVersion kong.VersionFlag `name:"version" short:"V" help:"Print the version."`

	Log logFlags `embed:"" group:"Logging"`
}

// streams are the outputs of a command: out for its result, log for messages about its work.
type streams struct {
	out io.Writer
	log *slog.Logger
}

// run runs the program with its arguments until it is complete or ctx ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var flags cli
	helpShown := false // the help or the version
	parser, err := kong.New(&flags,
		kong.Name("studycall"),
		kong.Description("Records study groups' video calls, and relays the signalling that connects them.\n\n"+
			"Without a command it serves; without any flag, on an embedded Postgres, on loopback, with development sign-in. "+
			"The flags of the service: studycall serve --help."),
		kong.Vars{"version": version()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { helpShown = true }),
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
	if helpShown {
		return exitOK
	}
	if err != nil {
		if wrong, ok := errors.AsType[*kong.ParseError](err); ok {
			parsed = wrong.Context
		}
		_, _ = fmt.Fprintf(stderr, "studycall: %s; see %s --help\n", withVariable(err.Error(), parsed), commandOf(parsed, args))
		return exitUsage
	}
	log := flags.Log.logger(stderr)
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err = rejectUnusedDataDir(parsed); err == nil {
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

// commandOf returns the program's name with the command that was given, for a hint at its help; without an unknown command.
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

// rejectUnusedDataDir refuses a --data-dir flag beside a database URL. The variable of --data-dir is no contradiction.
func rejectUnusedDataDir(command *kong.Context) error {
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
		return usageErrorf("--data-dir is the directory of the embedded Postgres, and --database-url (DATABASE_URL) names another database: use one of them")
	}
	return nil
}

type logFlags struct {
	LogFormat string `enum:"text,json" default:"text" env:"STUDYCALL_LOG_FORMAT" help:"Format of log lines: text or json."`
	LogLevel  string `enum:"debug,info,warn,error" default:"info" env:"STUDYCALL_LOG_LEVEL" help:"Least level of log lines: debug, info, warn or error."`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // one of the enum
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: inSeconds}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// inSeconds writes durations as numbers of seconds; slog would write nanoseconds.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

// Exit codes.
const (
	exitOK          = 0
	exitFailure     = 1   // verify: it found a difference
	exitUsage       = 2   // a mistake in a flag, an environment variable or their combination
	exitUnverified  = 3   // verify could not compare
	exitInterrupted = 130 // as shells report SIGINT: the command is not complete
)

// errInterrupted is part of the error of a command that was interrupted and has more to report.
var errInterrupted = errors.New("interrupted")

// codedError is an error with an exit code.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// usageErrorf returns an error for a mistake in the configuration that the parser cannot detect.
func usageErrorf(format string, args ...any) error {
	return codedError{fmt.Errorf(format, args...), exitUsage}
}

// exitCode returns the exit code for the result of a command, and the error to print.
func exitCode(ctx context.Context, err error) (int, error) {
	coded, isCoded := errors.AsType[codedError](err)
	switch {
	case err == nil:
		return exitOK, nil
	case errors.Is(err, errInterrupted):
		return exitInterrupted, err
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // commands that run until interrupted return nil
		return exitInterrupted, errInterrupted
	case isCoded:
		return coded.code, err
	default:
		return exitFailure, err
	}
}

// joinNegative rewrites "--after -1" to "--after=-1", which the parser would take for two flags: no flag begins with a digit.
func joinNegative(args []string) []string {
	negative := regexp.MustCompile(`^-[0-9.]`)
	var joined []string
	for _, arg := range args {
		last := len(joined) - 1
		if last >= 0 && negative.MatchString(arg) && strings.HasPrefix(joined[last], "--") && !strings.Contains(joined[last], "=") {
			joined[last] += "=" + arg
		} else {
			joined = append(joined, arg)
		}
	}
	return joined
}

// withVariable adds the environment variable to the first flag that an error message names: the value may come from it.
func withVariable(message string, command *kong.Context) string {
	at := regexp.MustCompile(`--[a-z-]+`).FindStringIndex(message)
	if at == nil || command == nil {
		return message
	}
	for _, flag := range command.Flags() {
		if "--"+flag.Name == message[at[0]:at[1]] && len(flag.Envs) > 0 && !strings.Contains(message, flag.Envs[0]) {
			return message[:at[1]] + " (" + flag.Envs[0] + ")" + message[at[1]:]
		}
	}
	return message
}
