package seed

import (
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// random draws whole numbers only, because floating point may round differently on another machine.
type random struct{ *rand.Rand }

// newRandom returns the random source for one topic of one study.
func newRandom(seed uint64, study int, topic uint64) random {
	return random{rand.New(rand.NewPCG(seed, uint64(study)<<8|topic))} //nolint:gosec // it must be reproducible
}

// percent returns true with a probability of p in 100.
func (r random) percent(p int) bool { return r.IntN(100) < p }

// between returns a duration from low up to, but not including, high, in whole milliseconds.
func (r random) between(low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64((high-low)/time.Millisecond)))*time.Millisecond
}

// id returns a new id: 128 bits, so that it is unique, in the format of the service's own ids, so that indexes behave as with those.
func (r random) id() string {
	var bits [16]byte
	binary.BigEndian.PutUint64(bits[:8], r.Uint64())
	binary.BigEndian.PutUint64(bits[8:], r.Uint64())
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(bits[:])
}
