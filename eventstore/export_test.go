package eventstore

// Queued is how many appends wait for the committer to take them.
func (s *Store) Queued() int { return len(s.queue) }

// Sizes that tests go beyond.
const (
	TailLength = tailLength
	SliceLimit = sliceLimit
	ScanPage   = scanPage
	SkipDelay  = skipDelay
)
