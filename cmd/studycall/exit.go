package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

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
