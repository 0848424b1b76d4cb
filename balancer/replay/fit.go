package replay

import (
	"math"
	"slices"
	"time"

	"github.com/sentientcore/upshift/balancer/sim"
)

// Model is what a log says of servers and calls.
type Model struct {
	// Servers are the fitted speeds, relative to their geometric mean, and slots.
	Servers []sim.Server
	// Fail is the share of its calls that a server fails at once.
	Fail []float64
	// UtilizationRatio is the part of all slots that was busy.
	UtilizationRatio float64

	log      *Log
	arrivals []arrival
	doubt    []float64 // standard error of the logarithm of each speed
}

// arrival is a call of the log that was not a repeat, with the work that it asked for.
type arrival struct {
	at     time.Duration
	work   float64 // seconds at speed 1
	size   float64
	prompt *sim.Prompt // of a call of a language model
}

// Fewer calls than these say nothing.
const (
	minCalls     = 1000
	minPerServer = 50
)

// maxFailing and maxServerFailing are the shares of failures above which a log is one of
// faults: how a strategy fares then depends on when and how servers fail.
const (
	maxFailing       = 0.01
	maxServerFailing = 0.03
	maxUtilization   = 0.97
)

// Fit makes a model of a log, or says why the log does not allow one.
func Fit(l *Log) (*Model, error) {
	if !l.Placed {
		return nil, cannotTell("it holds arrivals only, not where calls went and how they ended")
	}
	if len(l.Servers) < 2 {
		return nil, cannotTell("there is one server, so every strategy does the same")
	}
	if err := checkSamples(l); err != nil {
		return nil, err
	}
	f := newFit(l)
	f.findSlots()
	f.solve()
	if err := f.check(); err != nil {
		return nil, err
	}
	m := f.model()
	if m.UtilizationRatio > maxUtilization {
		return nil, cannotTell("the servers were overloaded (%.0f %% busy): add some, or shed load", 100*min(m.UtilizationRatio, 1))
	}
	return m, nil
}

// checkSamples looks for too few calls and for failures.
func checkSamples(l *Log) error {
	good, all := make([]int, len(l.Servers)), make([]int, len(l.Servers))
	failed := 0
	for _, c := range l.Calls {
		all[c.Server]++
		if c.OK {
			good[c.Server]++
		} else {
			failed++
		}
	}
	if len(l.Calls) < minCalls {
		return cannotTell("%d calls are too few: it takes %d", len(l.Calls), minCalls)
	}
	for i, s := range l.Servers {
		bad := all[i] - good[i]
		if share := float64(bad) / float64(max(all[i], 1)); bad >= 5 && share > maxServerFailing {
			return cannotTell("server %s failed %.1f %% of its calls: a fault is under way", s.ID, 100*share)
		}
		if good[i] < minPerServer {
			return cannotTell("server %s had %d good calls: it takes %d of each server to know its speed", s.ID, good[i], minPerServer)
		}
	}
	if share := float64(failed) / float64(len(l.Calls)); share > maxFailing {
		return cannotTell("%.1f %% of the calls failed: a fault is under way", 100*share)
	}
	return checkBursts(l)
}

// checkBursts looks for servers that failed in a part of the log only, and got few calls
// then, as a strategy that heeds failures sees to.
func checkBursts(l *Log) error {
	piece := max(l.length()/quarters, 1)
	bad, all := make([][quarters]int, len(l.Servers)), make([][quarters]int, len(l.Servers))
	for _, c := range l.Calls {
		q := min(int(c.At/piece), quarters-1)
		all[c.Server][q]++
		if !c.OK {
			bad[c.Server][q]++
		}
	}
	for i, s := range l.Servers {
		for q, n := range bad[i] {
			if share := float64(n) / float64(max(all[i][q], 1)); n >= 3 && share > maxServerFailing {
				return cannotTell("server %s failed %.1f %% of its calls in the %s quarter: a fault is under way",
					s.ID, 100*share, ordinals[q])
			}
		}
	}
	return nil
}

// fit is the work of [Fit] under way. Its samples are the good calls of each server in the
// order of their arrival.
type fit struct {
	log      *Log
	samples  [][]sample
	slots    []int
	slope    float64   // of log service over log size
	level    []float64 // mean of log service of each server at size 1
	spread   float64   // standard deviation of what is left
	centre   float64   // mean of the levels
	coupling line      // of what is left over the logarithm of the calls in flight
}

type sample struct {
	at, end  float64 // seconds
	size     float64 // logarithm
	crowd    float64 // logarithm of one more than the calls in flight
	service  float64 // logarithm of seconds, with the slots found
	leftover float64
	call     int
}

func newFit(l *Log) *fit {
	f := &fit{log: l, samples: make([][]sample, len(l.Servers)), slots: make([]int, len(l.Servers)), level: make([]float64, len(l.Servers))}
	for i, c := range l.Calls {
		if !c.OK || c.Took < 0 {
			continue
		}
		s := sample{at: c.At.Seconds(), end: (c.At + c.Took).Seconds(), call: i}
		if c.Size > 0 {
			s.size = math.Log(c.Size)
		}
		f.samples[c.Server] = append(f.samples[c.Server], s)
	}
	for _, of := range f.samples {
		var busy endings
		for k := range of {
			of[k].crowd = math.Log(1 + float64(busy.after(of[k].at)))
			busy.add(of[k].end, math.MaxInt)
		}
	}
	return f
}

// candidates are the slots that a server may have.
var candidates = []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512, 1024}

// findSlots finds how many calls each server works on at a time. With too few slots
// assumed, calls that met many others seem to take less work than the rest, with too many
// more: the right number is where it makes no difference. Servers are taken to be alike
// unless one clearly is not.
func (f *fit) findSlots() {
	alike := make([]float64, len(candidates))
	scores := make([][]float64, len(f.samples))
	for i, of := range f.samples {
		for k, slots := range candidates {
			lost := serve(of, slots)
			_, t := f.couple(of)
			scores[i] = append(scores[i], t*t+float64(len(of))*lost)
			alike[k] += scores[i][k]
		}
	}
	usual := least(alike)
	for i, of := range f.samples {
		own := least(scores[i])
		if scores[i][usual] < scores[i][own]+clearly {
			own = usual
		}
		f.slots[i] = candidates[own]
		serve(of, f.slots[i])
	}
}

// clearly is by how much a server must fit better, in squared standard errors.
const clearly = 16

func least(values []float64) int {
	at := 0
	for i, v := range values {
		if v < values[at] {
			at = i
		}
	}
	return at
}

// shortest is the least service that is believed, as a part of the response time.
const shortest = 1e-3

// serve works out when each call was begun, first come, first served, and so its service. It
// returns the share of the calls that must have begun before that.
func serve(of []sample, slots int) (lost float64) {
	var busy endings
	for k := range of {
		s := &of[k]
		began := max(s.at, busy.freeAt(slots))
		took := s.end - began
		if least := shortest * (s.end - s.at); took <= least {
			lost++
			took = max(least, 1e-9)
		}
		s.service = math.Log(took)
		busy.add(s.end, slots)
	}
	return lost / float64(max(len(of), 1))
}

// couple returns by how much the service of one server's calls, their size taken out, grows
// with the calls in flight, and how sure that is.
func (f *fit) couple(of []sample) (slope, t float64) {
	bySize := regress(of, func(s *sample) (x, y float64) { return s.size, s.service })
	r := regress(of, func(s *sample) (x, y float64) { return s.crowd, s.service - bySize.slope*s.size })
	return r.slope, r.t
}

// solve finds the speeds: how long calls of a size take at each server.
func (f *fit) solve() {
	var xy, xx float64
	for _, of := range f.samples {
		mx, my := mean(of, func(s *sample) float64 { return s.size }), mean(of, func(s *sample) float64 { return s.service })
		for _, s := range of {
			xy += (s.size - mx) * (s.service - my)
			xx += (s.size - mx) * (s.size - mx)
		}
	}
	if xx > 1e-9 {
		f.slope = xy / xx
	}
	var rest, n float64
	for i, of := range f.samples {
		f.level[i] = mean(of, func(s *sample) float64 { return s.service - f.slope*s.size })
		f.centre += f.level[i] / float64(len(f.samples))
		for k := range of {
			s := &of[k]
			s.leftover = s.service - f.slope*s.size - f.level[i]
			rest += s.leftover * s.leftover
			n++
		}
	}
	f.spread = math.Sqrt(rest / n)
	r := regress(slices.Concat(f.samples...), func(s *sample) (x, y float64) { return s.crowd, s.leftover })
	f.coupling = r
}

// model returns what was found.
func (f *fit) model() *Model {
	m := &Model{log: f.log}
	work, capacity := 0.0, 0.0
	known := map[int]float64{}
	for i, of := range f.samples {
		speed := math.Exp(f.centre - f.level[i])
		m.Servers = append(m.Servers, sim.Server{Speed: speed, Slots: f.slots[i]})
		m.doubt = append(m.doubt, f.spread/math.Sqrt(float64(len(of))))
		busy := 0.0
		for _, s := range of {
			known[s.call] = math.Exp(s.service) * speed
			busy += math.Exp(s.service)
		}
		work, capacity = work+busy, capacity+float64(f.slots[i])
		failed := 0
		all := 0
		for _, c := range f.log.Calls {
			if c.Server == i {
				all++
				if !c.OK {
					failed++
				}
			}
		}
		m.Fail = append(m.Fail, float64(failed)/float64(all))
	}
	m.UtilizationRatio = work / capacity / max(f.log.length().Seconds(), 1e-9)
	for i, c := range f.log.Calls {
		w, ok := known[i]
		if c.Again || !ok {
			continue
		}
		m.arrivals = append(m.arrivals, arrival{at: c.At, work: w, size: c.Size})
	}
	return m
}
