// Command studycall records the video calls of study groups and relays the signalling between their browsers.
//
// The package has the configuration, the wiring and the subcommands, and nothing else.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal, the default handling is restored: a second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type versionCommand struct{}

// Run prints the version.
func (c *versionCommand) Run(s *streams) error {
	_, err := fmt.Fprintln(s.out, version())
	return err
}

// version describes the module version and the revision that this binary was built from.
func version() string {
	version, revision, modified := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				revision = " " + setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				modified = " with changes"
			}
		}
	}
	return fmt.Sprintf("studycall %s%s%s (%s)", version, revision, modified, runtime.Version())
}
