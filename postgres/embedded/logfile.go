package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxLog is the size above which a start moves the server's log aside (to postgres.log.1, over the one before).
const maxLog = 16 << 20

// logFile is the server's log from the moment of this start on.
type logFile struct {
	file  *os.File
	begin int64
}

func openLog(dir directory, owner owner) (*logFile, error) {
	path := dir.log()
	if info, err := os.Lstat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("moving the server's log aside: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600) //nolint:gosec // our own data directory
	if err != nil {
		return nil, fmt.Errorf("opening the server's log: %w", err)
	}
	info, err := file.Stat()
	if err == nil {
		err = owner.giveFile(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the server's log: %w", err), file.Close())
	}
	return &logFile{file: file, begin: info.Size()}, nil
}

// tail returns the last lines that were written since the start.
func (l *logFile) tail() string {
	text, err := io.ReadAll(io.NewSectionReader(l.file, l.begin, 1<<20))
	if err != nil && !errors.Is(err, fs.ErrClosed) {
		return err.Error()
	}
	return lastLines(text, 20)
}

func (l *logFile) close() { _ = l.file.Close() } // the server has its own handle

func lastLines(text []byte, count int) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-count):], []byte("\n")))
}
