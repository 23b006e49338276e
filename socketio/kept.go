package socketio

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"sync/atomic"

	"github.com/studycall/studycall/socketio/engineio"
)

// kept holds the packets of a session that its client may not have received, oldest first. Socket.mu guards it.
type kept struct {
	ring    []keptPacket // its length is a power of two; grows up to maxCount
	first   int          // index of the oldest packet
	count   int
	bytes   int
	removed string // offset of the last packet removed from the front; "" if none was
}

// keptPacket is a packet with the number of pings that were sent when it had been queued.
type keptPacket struct {
	Packet
	pings uint64
}

func (k *kept) at(i int) *keptPacket { return &k.ring[(k.first+i)&(len(k.ring)-1)] }

// add keeps a packet. It removes the oldest ones so that at most maxCount packets with maxBytes stay. They are removed first: so the
// array does not grow, and in a full one the new packet takes the place of the oldest, in the same line of the cache.
func (k *kept) add(p Packet, pings uint64, maxCount, maxBytes int) {
	for k.count > 0 && (k.count >= maxCount || k.bytes+p.size > maxBytes) {
		k.removeFirst()
	}
	if p.size > maxBytes {
		k.removed = p.offset
		return
	}
	if k.count == len(k.ring) {
		k.grow()
	}
	k.count++
	*k.at(k.count - 1) = keptPacket{p, pings}
	k.bytes += p.size
}

func (k *kept) grow() {
	ring := make([]keptPacket, max(8, 2*len(k.ring)))
	for i := range k.count {
		ring[i] = *k.at(i)
	}
	k.ring, k.first = ring, 0
}

func (k *kept) removeFirst() {
	p := k.at(0)
	k.removed = p.offset
	k.bytes -= p.size
	*p = keptPacket{}
	k.first = (k.first + 1) & (len(k.ring) - 1)
	k.count--
	if k.count == 0 {
		k.ring, k.first = nil, 0 // an idle session keeps no array
	}
}

// answered removes the packets that the client received before it answered a ping.
func (k *kept) answered(ping uint64) {
	for k.count > 0 && k.at(0).pings < ping {
		k.removeFirst()
	}
}

// resume removes the packets up to the client's last offset and returns the others, which the client has not received. It reports
// whether they are everything that the client has not received. If the offset is unknown, the client has received nothing of this
// session, because it would know an offset of it.
func (k *kept) resume(offset string) (missed []engineio.Message, complete bool) {
	received := 0 // packets
	complete = offset == k.removed || k.removed == ""
	for i := range k.count {
		if k.at(i).offset == offset {
			received, complete = i+1, true
		}
	}
	for range received {
		k.removeFirst()
	}
	for i := range k.count {
		missed = append(missed, k.at(i).messages...)
	}
	return missed, complete
}

// queuedAgain notes that all packets were queued on a new connection, which has sent some pings.
func (k *kept) queuedAgain(pings uint64) {
	for i := range k.count {
		k.at(i).pings = pings
	}
}

// offsets makes the offsets of packets: 11 characters, unique in a process and, with overwhelming probability, among processes. They
// show nothing of how many there are.
type offsets struct {
	last     atomic.Uint64
	key      [2]uint64
	multiply [2]uint64 // odd numbers
}

func newOffsets() *offsets {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(random[8*i:]) }
	return &offsets{key: [2]uint64{word(0), word(1)}, multiply: [2]uint64{word(2) | 1, word(3) | 1}}
}

func (o *offsets) next() string {
	x := o.last.Add(1)
	for i := range o.key { // each step can be reversed, so different numbers give different offsets
		x ^= o.key[i]
		x *= o.multiply[i]
		x ^= x >> 32
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, x))
}
