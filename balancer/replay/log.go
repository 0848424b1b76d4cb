package replay

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// MaxCalls bounds the calls of a log; of longer ones the newest count.
const MaxCalls = 1 << 17

// Log is recorded traffic.
type Log struct {
	// Strategy placed the calls.
	Strategy string
	// Servers had the calls.
	Servers []Server
	// Calls are in the order of their arrival.
	Calls []Call
	// Placed says that the log knows where calls went and how they ended. A log of arrivals
	// alone can only be played to servers that somebody assumes.
	Placed bool
}

// Server is one of a log.
type Server struct {
	ID string
	// Weight is as configured, above 0.
	Weight float64
	// MaxConnections bounds the calls in flight; 0: unlimited.
	MaxConnections int
}

// Call is one call of a log.
type Call struct {
	// At is when it arrived, since the first.
	At time.Duration
	// Server is the index of its server, Took how long its response took, below 0: unknown.
	Server int
	Took   time.Duration
	// Size is what was known of its size beforehand, in any unit; 0: nothing.
	Size float64
	// OK says that the server did what it was asked to.
	OK bool
	// Again says that it had been tried before, so that it is no arrival.
	Again bool
	// Input and Output are the tokens of a call of a language model, Blocks the ids of its
	// prefixes; zero and nil: not known.
	Input, Output int
	Blocks        []uint64
}

// ErrCannotTell says that a log does not show which strategy is best. The error around it
// says why.
var ErrCannotTell = errors.New("replay: the record cannot tell")

func cannotTell(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCannotTell}, args...)...)
}

// FromPool returns what the pool recorded of its present servers. Calls that their callers
// gave up are left out.
func FromPool(p *balancer.Pool) *Log {
	l := &Log{Strategy: p.Strategy(), Placed: true}
	index := map[string]int{}
	for i, s := range p.Servers() {
		index[s.ID] = i
		l.Servers = append(l.Servers, Server{ID: s.ID, Weight: s.Weight, MaxConnections: s.MaxConnections})
	}
	records := p.Records()
	records = slices.DeleteFunc(records, func(r balancer.Record) bool {
		_, known := index[r.Server]
		return !known || r.Cancelled
	})
	for _, r := range records {
		l.Calls = append(l.Calls, Call{
			At: r.Began.Sub(records[0].Began), Server: index[r.Server], Took: r.Took, Size: r.Size, OK: r.OK, Again: r.Again,
		})
	}
	return l
}

// length is the time from the first arrival to the last.
func (l *Log) length() time.Duration {
	if len(l.Calls) == 0 {
		return 0
	}
	return l.Calls[len(l.Calls)-1].At
}

// trim keeps the newest calls.
func (l *Log) trim() {
	if extra := len(l.Calls) - MaxCalls; extra > 0 {
		l.Calls = slices.Delete(l.Calls, 0, extra)
	}
	if len(l.Calls) > 0 {
		for i, first := 0, l.Calls[0].At; i < len(l.Calls); i++ {
			l.Calls[i].At -= first
		}
	}
}

// Sort puts the calls into the order of their arrival, the first at time zero.
func (l *Log) Sort() {
	slices.SortStableFunc(l.Calls, func(a, b Call) int { return cmp.Compare(a.At, b.At) })
	l.trim()
}
