package capture

import (
	"hash/maphash"
	"math"
	"runtime"
	"runtime/metrics"

	"github.com/sentientcore/upshift/profiler"
)

const (
	// maxStacks bounds the stacks whose owner is remembered.
	maxStacks = 16_384
	// leastCycles is how many collections must lie in a span: the heap profile is up to two behind.
	leastCycles = 20
)

// heapReader reads what functions allocate from the runtime's own records of the heap profile.
type heapReader struct {
	last    map[heapKey]int64 // objects allocated
	calls   map[string]uint64
	cycles  uint64
	started bool

	seed       maphash.Seed
	owners     map[uint64]string // by stack
	generation uint64
}

// heapKey tells records apart: each is of one stack, here its hash, and one size.
type heapKey struct {
	stack uint64
	size  int64
}

// begin takes the first look, unless an earlier one still waits for enough collections.
func (h *heapReader) begin(p *profiler.Profiler) {
	if !h.started {
		h.seed, h.started = maphash.MakeSeed(), true
		h.take(p)
	}
}

// end adds what was gained since, once that is more than the profile may be behind.
func (h *heapReader) end(p *profiler.Profiler, add func(map[string]tallied)) {
	cycles := collections()
	if cycles < h.cycles+leastCycles {
		return
	}
	before, calls, since := h.last, h.calls, float64(cycles-h.cycles)
	records := h.take(p)
	h.name(p, records)
	rate := float64(runtime.MemProfileRate)
	gained := map[string]tallied{}
	for name, n := range h.calls {
		gained[name] = tallied{calls: n - min(calls[name], n), least: 1 / since}
	}
	for key, objects := range h.last {
		n, size := float64(objects-before[key]), float64(key.size)
		g, ok := gained[h.owners[key.stack]]
		if n <= 0 || !ok {
			continue
		}
		// An object is sampled with this chance; n of them stand for n ÷ chance.
		chance := -math.Expm1(-size / rate)
		gained[h.owners[key.stack]] = g.plus(tallied{
			samples: n, value: n * size / chance, variance: n * (1 - chance) * (size / chance) * (size / chance),
		})
	}
	add(gained)
}

// take reads the profile and counts the calls.
func (h *heapReader) take(p *profiler.Profiler) []runtime.MemProfileRecord {
	var records []runtime.MemProfileRecord
	n, ok := runtime.MemProfile(nil, true)
	for !ok {
		records = make([]runtime.MemProfileRecord, n+n/8+64)
		n, ok = runtime.MemProfile(records, true)
	}
	records = records[:n]
	h.last = make(map[heapKey]int64, n)
	for i := range records {
		if r := &records[i]; r.AllocObjects > 0 {
			h.last[heapKey{h.hash(r), r.AllocBytes / r.AllocObjects}] += r.AllocObjects
		}
	}
	h.calls, h.cycles = p.CallCounts(), collections()
	return records
}

func (h *heapReader) hash(r *runtime.MemProfileRecord) uint64 {
	return maphash.Comparable(h.seed, r.Stack0)
}

// name finds the owners of stacks that are new.
func (h *heapReader) name(p *profiler.Profiler, records []runtime.MemProfileRecord) {
	if g := p.Owners(); h.owners == nil || g != h.generation || len(h.owners) > maxStacks {
		h.owners, h.generation = map[uint64]string{}, g
	}
	for i := range records {
		key := h.hash(&records[i])
		if _, ok := h.owners[key]; ok {
			continue
		}
		h.owners[key] = p.OwnerOf(func(yield func(string) bool) {
			frames := runtime.CallersFrames(records[i].Stack())
			for more := true; more; {
				var frame runtime.Frame
				if frame, more = frames.Next(); !yield(frame.Function) {
					return
				}
			}
		}).Name
	}
}

// collections counts the garbage collections so far.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
