package balancer

import (
	"slices"
	"sync"
	"time"
)

// Record is one attempt of a call that ended, as [Pool.Records] remembers it.
type Record struct {
	// Began is when it was placed, Took how long its response took; below 0: it has none.
	Began time.Time
	Took  time.Duration
	// Server is the id of the server, InFlight how many calls that had already.
	Server   string
	InFlight int
	// Size is what was known of the size: work as told by [WithWork] or the tokens of a
	// prompt, else the length of the body in bytes. It is rounded to a fifth of an octave or
	// so; 0: unknown. Stream says that the call asked for an event stream.
	Size   float64
	Stream bool
	// OK says that the server did what it was asked to. Cancelled: the caller gave the call
	// up, which says nothing about the server.
	OK, Cancelled bool
	// Again says that the call had been tried before.
	Again bool
}

const (
	// recorderShards spread the calls that end at the same time.
	recorderShards = 8
	// recordsPerShard bounds the memory: 65,536 records of 48 bytes in all.
	recordsPerShard = 8192
)

// recorder keeps the last attempts in rings.
type recorder struct{ shards [recorderShards]recordRing }

type recordRing struct {
	mu   sync.Mutex // guards the fields below
	ring []record
	next int
	_    [64]byte // no two rings in one cache line
}

// record is a [Record] in little room.
type record struct {
	server      *Server
	began, took int64
	class       sizeClass
	inFlight    uint16
	verdict     uint8
	again       bool
}

// add notes the end of an attempt.
func (r *recorder) add(l *lease, o outcome) {
	ring := &r.shards[l.job.rnd%recorderShards]
	rec := record{
		server: l.server, began: l.began, took: o.latency, class: l.job.class,
		inFlight: l.before, verdict: uint8(o.verdict), again: l.job.again,
	}
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if len(ring.ring) < recordsPerShard {
		ring.ring = append(ring.ring, rec)
		return
	}
	ring.ring[ring.next] = rec
	ring.next = (ring.next + 1) % recordsPerShard
}

// Records returns the last attempts that ended, at most 65,536, in the order in which they
// began. It copies them; calls go on meanwhile.
func (p *Pool) Records() []Record {
	var all []record
	for i := range p.recorder.shards {
		ring := &p.recorder.shards[i]
		ring.mu.Lock()
		all = append(all, ring.ring...)
		ring.mu.Unlock()
	}
	slices.SortStableFunc(all, func(a, b record) int { return int(min(max(a.began-b.began, -1), 1)) })
	records := make([]Record, len(all))
	for i, r := range all {
		size, stream := r.class.size()
		records[i] = Record{
			Began: p.epoch.Add(time.Duration(r.began)), Took: max(time.Duration(r.took), -1),
			Server: r.server.id, InFlight: int(r.inFlight), Size: size, Stream: stream,
			OK: verdict(r.verdict) == succeeded, Cancelled: verdict(r.verdict) == cancelled, Again: r.again,
		}
	}
	return records
}
