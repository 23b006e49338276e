package embedded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/studycall/studycall/check"
)

// childEnv makes the test binary another program that opens the data directory it names.
const childEnv = "STUDYCALL_EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(childMain(os.Stdout, dir, os.Getenv(childEnv+"_EXCLUSIVE") != ""))
	}
	goleak.VerifyTestMain(m)
}

// childMain opens the directory, prints a line, and closes the directory when its input ends.
func childMain(out io.Writer, dir string, exclusive bool) int {
	server, err := Open(context.Background(), Options{Dir: dir, Exclusive: exclusive, Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		_, _ = fmt.Fprintln(out, "failed:", err)
		return 1
	}
	_, _ = fmt.Fprintln(out, "open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := server.Close(context.Background()); err != nil {
		_, _ = fmt.Fprintln(out, "failed:", err)
		return 1
	}
	return 0
}

// child is a second, real process that has the directory open.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func startChild(t *testing.T, dir string, exclusive bool) *child {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	if exclusive {
		cmd.Env = append(cmd.Env, childEnv+"_EXCLUSIVE=1")
	}
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	check.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	check.NoError(t, err)
	check.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "open\n" {
		t.Fatalf("the second process printed %q, %v", line, err)
	}
	return &child{cmd: cmd, stdin: stdin}
}

// leave lets the process close the directory and end.
func (c *child) leave(t *testing.T) {
	t.Helper()
	check.NoError(t, c.stdin.Close())
	check.NoError(t, c.cmd.Wait())
}

// kill ends it with SIGKILL.
func (c *child) kill(t *testing.T) {
	t.Helper()
	check.NoError(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait() // "signal: killed"
}

// testDir returns a folder that the server's account can enter even when the test runs as root (unlike t.TempDir). At the end
// of the test it checks that no server runs in it, and removes it.
func testDir(t *testing.T) string {
	t.Helper()
	var memory unix.Statfs_t
	parent := ""                                                                                       // the folder for temporary files
	if unix.Statfs("/dev/shm", &memory) == nil && memory.Bavail > 4<<30/uint64(max(memory.Bsize, 1)) { //nolint:gosec,nolintlint // as it is
		parent = "/dev/shm" // initdb is ten times as fast in memory
	}
	dir, err := os.MkdirTemp(parent, "studycall-embedded-") //nolint:usetesting // see above
	check.NoError(t, err)
	t.Cleanup(func() {
		if pid := (directory{root: dir}).serverPID(); pid != 0 {
			t.Errorf("a server is left running, process %d", pid)
			_ = stopProcess(context.Background(), pid, unix.SIGKILL)
		}
		check.NoError(t, os.RemoveAll(dir))
	})
	if os.Geteuid() == 0 {
		check.NoError(t, os.Chmod(dir, 0o755))
	}
	dir, err = filepath.EvalSymlinks(dir)
	check.NoError(t, err)
	return dir
}

// slow skips a test with -short. Creating and starting a server takes a second of CPU.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts a Postgres of its own")
	}
}

// open opens with fsync off, and closes at the end of the test.
func open(t *testing.T, options Options) *Server {
	t.Helper()
	server, err := tryOpen(t, options)
	check.NoError(t, err)
	return server
}

func tryOpen(t *testing.T, options Options) (*Server, error) {
	t.Helper()
	options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	if options.Settings == nil {
		options.Settings = map[string]string{"fsync": "off"}
	}
	server, err := Open(t.Context(), options)
	if err == nil {
		t.Cleanup(func() { closeNow(t, server) })
	}
	return server, err
}

func closeNow(t *testing.T, server *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Close(ctx); err != nil {
		t.Errorf("closing: %v", err)
	}
}

// query runs one statement and returns the first column of its first row, "" if there is none.
func query(t *testing.T, server *Server, sql string) string {
	t.Helper()
	result, err := tryQuery(t.Context(), server, sql)
	check.NoError(t, err)
	return result
}

func tryQuery(ctx context.Context, server *Server, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(texts, "\n"), err
}
