package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// maxLog is the size above which a start renames the server's log to postgres.log.1, replacing the one before.
const maxLog = 16 << 20

// slowAfter is how long a step may take before a line says that it is under way.
const slowAfter = 2 * time.Second

// logIfSlow logs the text unless done is called within slowAfter.
func logIfSlow(logger *slog.Logger, text string, args ...any) (done func()) {
	timer := time.AfterFunc(slowAfter, func() { logger.Info(text, args...) })
	return func() { timer.Stop() }
}

// logFile is the server's log from this start on.
type logFile struct {
	file  *os.File
	begin int64
}

func openLog(dir directory, owner owner) (*logFile, error) {
	path := dir.log()
	if info, err := os.Lstat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("renaming the server's log: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // our own data directory
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	info, err := file.Stat()
	if err == nil {
		err = owner.chownFile(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the server's log: %w", err), file.Close())
	}
	return &logFile{file: file, begin: info.Size()}, nil
}

// tail returns the last lines written since the start.
func (l *logFile) tail() string {
	text, err := io.ReadAll(io.NewSectionReader(l.file, l.begin, 1<<20))
	if err != nil {
		return err.Error()
	}
	return lastLines(text, 20)
}

func lastLines(text []byte, count int) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-count):], []byte("\n")))
}
