package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/studycall/studycall/bench/fanout"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

type benchFanoutCommand struct {
	Rooms  int           `env:"STUDYCALL_ROOMS" placeholder:"N" help:"How many calls. Empty: 12 of 12 people, then 1000 of 2."`
	Peers  int           `env:"STUDYCALL_PEERS" placeholder:"N" help:"How many people in each call; goes with --rooms."`
	Rounds int           `env:"STUDYCALL_ROUNDS" default:"5" placeholder:"N" help:"How many rounds to take the medians of (${default})."`
	Each   time.Duration `env:"STUDYCALL_EACH" default:"2s" placeholder:"TIME" help:"How long each server is loaded in a round (${default})."`
	JSON   bool          `name:"json" env:"STUDYCALL_JSON" help:"Print JSON, every round included."`
}

// Help is shown after the command's own line.
func (c *benchFanoutCommand) Help() string {
	return `Starts the program, on an embedded Postgres in a new folder that is removed afterwards, and a bare gorilla/websocket server that only copies frames between the members of a room, each as a process of its own on loopback. The same clients load them in turn: with offers of 2.5 KB that go from one member of a call to another, and with who speaks, and microphones muted and unmuted, which go to all others; one at a time, and in bursts of four and of sixteen.

What counts is deliveries for each second of the server's own CPU time. That of Postgres is not in it; recording toggles, and all else that the program does for it, is. A message that is lost, doubled or out of order ends the run with an error.

With the defaults it takes some eight minutes. Other work on the machine makes all figures lower, the ratios less so.`
}

// Validate is called by the parser.
func (c *benchFanoutCommand) Validate() error {
	switch {
	case (c.Rooms == 0) != (c.Peers == 0):
		return errors.New("--rooms and --peers go together")
	case c.Rooms < 0 || c.Rooms > 10_000:
		return fmt.Errorf("--rooms must be 1 to 10000, not %d", c.Rooms)
	case c.Rooms > 0 && (c.Peers < fanout.MinPeers || c.Peers > fanout.MaxPeers):
		return fmt.Errorf("--peers must be %d to %d, not %d", fanout.MinPeers, fanout.MaxPeers, c.Peers)
	case c.Rounds < 1:
		return fmt.Errorf("--rounds must be 1 or more, not %d", c.Rounds)
	case c.Each <= 0:
		return fmt.Errorf("--each must be more than 0s, not %v", c.Each)
	default:
		return nil
	}
}

// Run measures, and prints what came of it.
func (c *benchFanoutCommand) Run(ctx context.Context, s *streams, parsed *kong.Context) error {
	shapes := []fanout.Shape{{Rooms: 12, Peers: 12}, {Rooms: 1000, Peers: 2}}
	if c.Rooms > 0 {
		shapes = []fanout.Shape{{Rooms: c.Rooms, Peers: c.Peers}}
	}
	progress := newProgress(s, "measuring", int64(len(shapes)*len(fanout.Loads())*c.Rounds))
	defer progress.Done()
	var results []fanout.Result
	for _, shape := range shapes {
		result, err := c.measure(ctx, s.log, shape, environment(parsed), progress)
		if err != nil {
			return fmt.Errorf("%d rooms of %d: %w", shape.Rooms, shape.Peers, err)
		}
		results = append(results, result)
	}
	if c.JSON {
		return printJSON(s, results)
	}
	return c.print(s.out, results)
}

// measure starts both servers, and the database, anew for each shape, so that none bears what the last one left.
func (c *benchFanoutCommand) measure(ctx context.Context, log *slog.Logger, shape fanout.Shape, environment []string, p *progress) (result fanout.Result, err error) {
	dir, err := os.MkdirTemp("", "studycall-bench-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	//nolint:gosec // started by root, Postgres runs as another user, who must get to the data
	if err := os.Chmod(dir, 0o711); err != nil {
		return result, err
	}
	data := filepath.Join(dir, "data")
	db, err := databaseFlags{DataDir: data}.open(ctx, log, mayCreate)
	if err != nil {
		return result, err
	}
	defer db.close()
	if err := db.migrate(ctx); err != nil {
		return result, err
	}
	if _, err := crowd(shape).Write(ctx, db.Pool, func(int) {}); err != nil {
		return result, err
	}
	var servers fanout.Servers
	for server, args := range map[**fanout.Process][]string{
		&servers.Bare: {"bare"},
		&servers.Program: {"program", "--listen=127.0.0.1:0", "--auth=dev", "--data-dir=" + data, "--address-rate-limit=0", // all clients are here
			fmt.Sprintf("--call-capacity=%d", shape.Peers)},
	} {
		process, err := c.start(ctx, environment, args...)
		if err != nil {
			return result, err
		}
		defer process.Stop()
		*server = process
	}
	return fanout.Compare(ctx, servers, fanout.Plan{
		Shape: shape, Rounds: c.Rounds, Each: c.Each, Done: func(rounds int) { p.Add(int64(rounds)) },
	})
}

// start starts this program as a server that is measured.
func (c *benchFanoutCommand) start(ctx context.Context, environment []string, args ...string) (*fanout.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//nolint:gosec // this very program
	command := exec.CommandContext(ctx, self, append([]string{"--log-level=warn", "bench"}, args...)...)
	command.Env = environment
	return fanout.Start(command)
}

// environment is this process's, without what would configure the servers: they are the same on every machine.
func environment(parsed *kong.Context) []string {
	var ours []string
	for _, command := range parsed.Model.Leaves(false) {
		for _, flags := range command.AllFlags(false) {
			for _, flag := range flags {
				ours = append(ours, flag.Envs...)
			}
		}
	}
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ours, name)
	})
}

// crowd are the people in the calls, and their studies.
func crowd(shape fanout.Shape) *membership.Import {
	var all membership.Import
	for room := range shape.Rooms {
		study := membership.Study{ID: fanout.StudyID(room), Name: fmt.Sprintf("Study %d", room)}
		all.Studies = append(all.Studies, study)
		for seat := range shape.Peers {
			id := fanout.UserID(room, seat)
			all.Users = append(all.Users, membership.User{ID: id, Name: id, Email: id + "@example.com", Status: "ACTIVE"})
			all.Members = append(all.Members, membership.Member{
				StudyID: study.ID, UserID: id,
				Membership: domain.Membership{Role: domain.Member, Status: domain.Active},
			})
		}
	}
	return &all
}
