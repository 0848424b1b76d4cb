package balancer

import (
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Server is one server of a [Pool]. It is safe for concurrent use.
type Server struct {
	id       string
	pool     *Pool
	settings atomic.Pointer[settings]

	requests, failed, cancelled, ejections atomic.Uint64

	inFlight atomic.Int64 // written under mu
	slow     atomic.Int32 // comparisons in a row in which it was much slower than the others

	mu       sync.Mutex // guards the fields below; held for moments, never across I/O
	declared ServerConfig
	source   string // which found it, written under the pool's lock too; empty: configured or added
	seat     seat
	oldest   *lease // the calls in flight, oldest first
	newest   *lease
	work     float64 // their expected work in seconds
	idle     chan struct{}
	back     chan struct{} // closed when maintenance ends; nil: not in maintenance
	gone     bool          // removed from the pool
	history  history
	latency  latencyEstimate
	success  successEstimate
	speed    speedEstimate
	residue  residue
	report   loadReport
	replica  replica
	lastUse  int64
	heldTo   int64 // until when Retry-After holds the server back
	health   health
}

// settings are what is configured of a server; never changed, but replaced.
type settings struct {
	ServerConfig
	target *url.URL
	h2c    bool // target is HTTP/2 without TLS; its scheme is http
}

// seat is a server's place in the present view.
type seat struct {
	row      *row
	index    int
	strategy strategy
	climate  *climate
	limits   *Config
}

// newServer returns a server of a valid configuration.
func (p *Pool) newServer(c ServerConfig, now int64) *Server {
	s := &Server{id: c.ID, pool: p, declared: c}
	s.replica.place.Store(int32(p.prefixes.place()))
	s.configure(c)
	s.lastUse = now
	s.health = health{maintenance: c.Status == StatusMaintenance, warm: true}
	if s.health.maintenance {
		s.back = make(chan struct{})
	}
	s.health.settle(p.epoch, now)
	return s
}

// configure puts a valid configuration in force.
func (s *Server) configure(c ServerConfig) {
	target, err := parseServerURL(c.URL)
	if err != nil { // Validate ran before
		target = &url.URL{Scheme: "http", Host: "invalid."}
	}
	h2c := target.Scheme == schemeH2C
	if h2c {
		target.Scheme = "http"
	}
	s.settings.Store(&settings{ServerConfig: c, target: target, h2c: h2c})
}

// ID returns the server's id.
func (s *Server) ID() string { return s.id }

// URL returns a copy of the server's base URL: http, https, or h2c for HTTP/2 without TLS.
func (s *Server) URL() *url.URL {
	set := s.settings.Load()
	u := *set.target
	if set.h2c {
		u.Scheme = schemeH2C
	}
	return &u
}

// Weight returns the configured weight.
func (s *Server) Weight() float64 { return s.settings.Load().Weight }

// ActiveConnections returns the calls in flight.
func (s *Server) ActiveConnections() int { return int(s.inFlight.Load()) }

// forget drops what was learnt about a server that became another one.
func (s *Server) forget() {
	s.latency, s.success = latencyEstimate{}, successEstimate{}
	s.speed, s.report, s.heldTo = speedEstimate{}, loadReport{}, 0
	s.residue = residue{}
	s.replica.reading, s.replica.writing, s.replica.strange = line{}, line{}, 0
}

// publish prices the server for the next pick. Its lock is held.
func (s *Server) publish(now int64) {
	if s.seat.row == nil {
		return
	}
	cfg, climate := s.settings.Load(), s.seat.climate
	full := cfg.MaxConnections > 0 && s.inFlight.Load() >= int64(cfg.MaxConnections)
	if full || s.gone || !s.health.takes(climate.panic.Load()) {
		s.seat.row.shut()
		return
	}
	r := s.reading(now, cfg.Weight)
	p := s.seat.strategy.price(r)
	share := s.share(now) / climate.topShare.Load()
	s.replica.seen.judge(r, share)
	s.seat.row.set(price{base: p.base / share, perUnit: p.perUnit / share, share: p.share * share},
		s.seat.index, splitmix(uint64(now)<<indexBits|uint64(s.seat.index)))
}

// share is the part of its weight that the server gets while it starts slowly or was
// asked to be spared.
func (s *Server) share(now int64) float64 {
	share := s.health.warmth(now, s.seat.limits.SlowStart)
	if now < s.heldTo {
		share *= holdShare
	}
	return share
}

func (s *Server) reading(now int64, weight float64) reading {
	climate := s.seat.climate
	latency := s.latency.seconds
	if s.latency.samples == 0 {
		latency = climate.latency.Load()
	}
	return reading{
		weight: weight, inFlight: float64(s.inFlight.Load()), work: s.work,
		latency: max(latency, minLatency), usual: climate.latency.Load(),
		speed:   s.expectedSpeed(),
		residue: climate.residues.slope.Load() * max(s.residue.now(now, climate.latency.Load()), 0),
		overdue: s.overdue(now), success: s.success.ratio(),
		load: s.report.faded(now, climate.load.Load()),
	}
}

const (
	// overdueFactor is how many times its expected time a call may take before its server
	// is taken to be stuck.
	overdueFactor = 4
	// overdueLook is how many calls are looked at for the oldest without an answer.
	overdueLook = 16
)

// expectedSpeed is what is learnt of the server's speed. Before anything is, it is that of
// the median server, in proportion to the weights.
func (s *Server) expectedSpeed() speed { return s.speed.estimate(s.firstSpeed()) }

// firstSpeed is the price per unit that is assumed before anything is known.
func (s *Server) firstSpeed() float64 {
	c := s.seat.climate
	return c.speed.Load() * c.weight.Load() / s.settings.Load().Weight
}

// overdue is how much longer than could be expected the oldest call is under way.
func (s *Server) overdue(now int64) float64 {
	l := s.oldest
	for range overdueLook {
		switch {
		case l == nil:
			return 0
		case !l.answered:
			return max(0, seconds(now-l.began)-overdueFactor*l.expected)
		}
		l = l.next // a stream that flows
	}
	return 0
}

// refresh brings what changes with time alone up to date. Its lock is held.
func (s *Server) refresh(epoch time.Time, now int64) {
	s.latency.relax(now, s.seat.climate.latency.Load())
	s.success.age(now)
	s.speed.age(now)
	s.health.settle(epoch, now)
}

// loadScore is the published four-term score: an explanation, not a decision.
func loadScore(meanSeconds, connections, errorRatio, load float64) float64 {
	return 0.3*min(meanSeconds, 1) + 0.3*min(connections, 1) + 0.2*errorRatio + 0.2*load
}

// stats returns the server's figures and its recent tally.
func (s *Server) stats(epoch time.Time, now int64) (ServerStats, tally) {
	cfg := s.settings.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.settle(epoch, now)
	recent := s.history.recent(now)
	st := ServerStats{
		ID: s.id, URL: cfg.URL, Weight: cfg.Weight, MaxConnections: cfg.MaxConnections, Source: s.source,
		Status: s.health.status, Reason: s.health.reason, Since: s.health.since,
		ActiveConnections:   int(s.inFlight.Load()),
		MeanResponseSeconds: recent.meanSeconds(), ErrorPercent: 100 * recent.errorRatio(),
		P50Seconds: s.history.quantile(0.5), P99Seconds: s.history.quantile(0.99),
		RequestsPerSecond: s.history.rate(now),
		Requests:          s.requests.Load(), Failed: s.failed.Load(), Cancelled: s.cancelled.Load(),
		Ejections: s.ejections.Load(),
		LastCheck: s.health.lastCheck, LastCheckError: s.health.lastCheckError,
	}
	st.answered, st.totalSeconds = s.history.all.answered, float64(s.history.all.nanos)/1e9
	if s.report.known {
		st.LoadRatio, st.LoadReported = s.report.load, epoch.Add(time.Duration(s.report.at))
	}
	capacity := 100.0
	if cfg.MaxConnections > 0 {
		capacity = float64(cfg.MaxConnections)
	}
	st.LoadScore = loadScore(st.MeanResponseSeconds, float64(st.ActiveConnections)/capacity,
		recent.errorRatio(), s.report.faded(now, 0))
	return st, recent
}
