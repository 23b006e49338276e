package embedded

import (
	"errors"
	"fmt"
)

// ErrInUse is matched (errors.Is) by the InUseError of a data directory that another process has exclusively.
var ErrInUse = errors.New("data directory is in use")

// InUseError says that another process has the data directory open with Options.Exclusive.
type InUseError struct {
	Dir string // the data directory
	PID int    // the process that has it; 0 if it has not said so yet
}

// Error says who is in the way and what to do.
func (e *InUseError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %s is in use by %s; stop it or choose another --data-dir", e.Dir, holder)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }
