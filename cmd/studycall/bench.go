package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/studycall/studycall/bench/fanout"
	"github.com/studycall/studycall/domain"
	"github.com/studycall/studycall/membership"
)

// benchCommand is the group of benchmarks in the program. Those of the packages run with go test.
type benchCommand struct {
	Fanout benchFanoutCommand `cmd:"" help:"The server's CPU time for relaying messages, compared with a server that only copies frames."`

	// The measured servers are processes of their own, which run these hidden commands.
	Bare    benchBareCommand    `cmd:"" hidden:""`
	Program benchProgramCommand `cmd:"" hidden:""`
}

// benchProgramCommand is serve for a measurement: it reports its resource usage on standard output until standard input ends.
type benchProgramCommand struct {
	serveCommand `embed:""`
}

// Run serves until standard input ends.
func (c *benchProgramCommand) Run(ctx context.Context, s *streams) error {
	setGCPercent()
	program, err := newProgram(ctx, c.serveCommand, s.log)
	if err != nil {
		return err
	}
	defer program.Close()
	ctx, stop := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return program.Run(ctx) })
	group.Go(func() error {
		defer stop()
		return fanout.Report(program.Addr(), os.Stdin, s.out)
	})
	return group.Wait()
}

// benchBareCommand is the server to which the program is compared.
type benchBareCommand struct{}

// Run serves until standard input ends.
func (c *benchBareCommand) Run(ctx context.Context, s *streams) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: fanout.Bare(), ReadHeaderTimeout: 10 * time.Second}
	var group errgroup.Group
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		defer func() { _ = server.Close() }()
		return fanout.Report(listener.Addr().String(), os.Stdin, s.out)
	})
	return group.Wait()
}

type benchFanoutCommand struct {
	Rooms  int           `env:"STUDYCALL_ROOMS" placeholder:"N" help:"Number of calls. Empty: 12 of 12 people, then 1000 of 2."`
	Peers  int           `env:"STUDYCALL_PEERS" placeholder:"N" help:"Number of people in each call; requires --rooms."`
	Rounds int           `env:"STUDYCALL_ROUNDS" default:"5" placeholder:"N" help:"Number of rounds, of which medians are taken (${default})."`
	Each   time.Duration `env:"STUDYCALL_EACH" default:"2s" placeholder:"TIME" help:"Time under load per server and round (${default})."`
	JSON   bool          `name:"json" env:"STUDYCALL_JSON" help:"Print JSON, with every round."`
}

// Help is shown after the command's own line.
func (c *benchFanoutCommand) Help() string {
	return `Starts the program, on an embedded Postgres in a temporary directory, and a bare gorilla/websocket server that only copies frames between the members of a room. Each is a process of its own on loopback. The same clients load both in turn: with offers of 2.5 KB from one member of a call to another, and with speaking states and muted or unmuted microphones for all other members; one message at a time, and in bursts of four and sixteen.

The result is the number of deliveries per second of the server's own CPU time. It includes the recording of toggles, but not the CPU time of Postgres. A lost, duplicate or reordered message ends the run with an error.

With the defaults it takes about eight minutes. Other work on the machine lowers all figures, the ratios less.`
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

// Run measures and prints the results.
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

// measure runs the benchmark for one shape, with new servers and a new database.
func (c *benchFanoutCommand) measure(ctx context.Context, log *slog.Logger, shape fanout.Shape, environment []string, p *progress) (result fanout.Result, err error) {
	dir, err := os.MkdirTemp("", "studycall-bench-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	//nolint:gosec // for root, Postgres runs as another user, which needs access to the data
	if err := os.Chmod(dir, 0o711); err != nil {
		return result, err
	}
	data := filepath.Join(dir, "data")
	db, err := databaseFlags{DataDir: data}.openLog(ctx, log, mayCreate)
	if err != nil {
		return result, err
	}
	defer db.close()
	if _, err := crowd(shape).Write(ctx, db.Pool, func(int) {}); err != nil {
		return result, err
	}
	var servers fanout.Servers
	for server, args := range map[**fanout.Process][]string{
		&servers.Bare: {"bare"},
		&servers.Program: {"program", "--listen=127.0.0.1:0", "--auth=dev", "--data-dir=" + data, "--address-rate-limit=0", // all clients have one address
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

// start starts this program as a measured server.
func (c *benchFanoutCommand) start(ctx context.Context, environment []string, args ...string) (*fanout.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	//nolint:gosec // this program itself
	command := exec.CommandContext(ctx, self, append([]string{"--log-level=warn", "bench"}, args...)...)
	command.Env = environment
	return fanout.Start(command)
}

// environment returns this process's environment without the variables of flags, so that every machine measures the same
// configuration.
func environment(parsed *kong.Context) []string {
	var variables []string
	for _, command := range parsed.Model.Leaves(false) {
		for _, flags := range command.AllFlags(false) {
			for _, flag := range flags {
				variables = append(variables, flag.Envs...)
			}
		}
	}
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(variables, name)
	})
}

// crowd returns the people in the calls, and their studies.
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

// print writes the results as tables.
func (c *benchFanoutCommand) print(out io.Writer, results []fanout.Result) error {
	for _, r := range results {
		_, _ = fmt.Fprintf(out, "%d rooms of %d, %d rounds of %v for each server; medians\n",
			r.Shape.Rooms, r.Shape.Peers, c.Rounds, c.Each)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		_, _ = fmt.Fprintln(table, "load\tburst\tbare, deliveries/CPU-s\tstudycall\tratio\tbar\t")
		deliveries := int64(0)
		for _, l := range r.Loads {
			_, _ = fmt.Fprintf(table, "%s\t%d\t%.0f\t%.0f\t%.2f\t%v\t\n", l.Title, l.Burst, l.Bare, l.Program, l.Ratio, l.Bar)
			deliveries += l.Deliveries
		}
		if err := table.Flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%d deliveries, all checked: none was lost, duplicate or out of order.\n", deliveries)
		for _, burst := range fanout.Bursts() {
			recording := r.Load("toggles", burst).PerMessage() - r.Load("speaking", burst).PerMessage()
			_, _ = fmt.Fprintf(out, "In bursts of %d, recording a toggle takes %v of the server's CPU time.\n",
				burst, recording.Round(100*time.Nanosecond))
		}
		_, err := fmt.Fprintf(out, "Memory per idle connection: bare server %.1f KB; studycall %.1f KB more (bar: 25), and in a call %.1f KB more.\n\n",
			kilobytes(r.Memory.Bare), kilobytes(r.Memory.Connected-r.Memory.Bare), kilobytes(r.Memory.InRoom-r.Memory.Bare))
		if err != nil {
			return err
		}
	}
	return nil
}

func kilobytes(bytes int64) float64 { return float64(bytes) / 1024 }
