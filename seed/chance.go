package seed

import (
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// chance is a source of what differs from one study, person and evening to the next. It draws whole numbers only:
// floating point may round differently on another machine.
type chance struct{ *rand.Rand }

// newChance is the chance of one topic of one study.
func newChance(seed uint64, study int, topic uint64) chance {
	return chance{rand.New(rand.NewPCG(seed, uint64(study)<<8|topic))} //nolint:gosec // it must be predictable
}

// of comes true so many times in a hundred.
func (c chance) of(percent int) bool { return c.IntN(100) < percent }

// between is from low up to, not including, high, in whole milliseconds.
func (c chance) between(low, high time.Duration) time.Duration {
	return low + time.Duration(c.Int64N(int64((high-low)/time.Millisecond)))*time.Millisecond
}

// id is a new id: 128 bits, so that it is nobody else's, in the form of the service's own, so that indexes over it behave
// as they do over those.
func (c chance) id() string {
	var bits [16]byte
	binary.BigEndian.PutUint64(bits[:8], c.Uint64())
	binary.BigEndian.PutUint64(bits[8:], c.Uint64())
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:])
}
