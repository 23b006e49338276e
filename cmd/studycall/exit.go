package main

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // of verify: it found a difference
	exitUsage   = 2 // a mistake in a flag, an environment variable or their combination
	// exitUnverified is that verify could not compare.
	exitUnverified = 3
	// exitInterrupted is what shells give for a program that SIGINT ended: what was asked for is not done.
	exitInterrupted = 130
)

// usageError is a mistake in the configuration that flags alone do not show.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// errInterrupted is in the error of a command that was told to stop before it was done, and has more to say of that.
var errInterrupted = errors.New("interrupted")

// codedError is an error with an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// exitCode is what the program says to its shell about how a command ended, and the error as it is told.
func exitCode(ctx context.Context, err error) (int, error) {
	var usage usageError
	var coded codedError
	switch {
	case err == nil:
		return exitOK, nil
	case errors.Is(err, errInterrupted):
		return exitInterrupted, err
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // serving and following, which end so, return nil
		return exitInterrupted, errInterrupted
	case errors.As(err, &usage):
		return exitUsage, err
	case errors.As(err, &coded):
		return coded.code, err
	default:
		return exitFailure, err
	}
}

// joinNegative writes "--after -1" as "--after=-1", which the parser would take for a flag that lacks its value and another
// flag: none of ours begins with a digit.
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

// withVariable puts the environment variable behind the first flag that a message about a mistake names, as it may have
// come from there.
func withVariable(message string, command *kong.Context) string {
	if command == nil {
		return message
	}
	at := regexp.MustCompile(`--[a-z-]+`).FindStringIndex(message)
	if at == nil {
		return message
	}
	for _, flag := range command.Flags() {
		if "--"+flag.Name == message[at[0]:at[1]] && len(flag.Envs) > 0 && !strings.Contains(message, flag.Envs[0]) {
			return message[:at[1]] + " (" + flag.Envs[0] + ")" + message[at[1]:]
		}
	}
	return message
}
