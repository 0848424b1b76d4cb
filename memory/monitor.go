package memory

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Monitor watches memory and relieves it. All methods may be called at any time from any
// goroutine. It has no goroutines of its own and needs no closing; what it does on its own
// happens in [Monitor.Run].
type Monitor struct {
	host    host
	leaks   leakWatch
	tuner   tuner
	glances glances
	buffers *Buffers
	history history

	checking   chan struct{} // holds a token while a Check runs
	collecting chan struct{} // holds a token while a forced collection runs

	checks         atomic.Uint64
	pressureChecks atomic.Uint64
	pressurePanics atomic.Uint64
	collections    atomic.Uint64

	mu        sync.Mutex // guards the fields below
	cfg       Config
	callbacks []func(ratio float64)
	trackers  []func() TrackerStats
	lastCheck *CheckResult

	judge judge // used only with the checking token
}

// New returns a monitor, or the faults of cfg.
func New(cfg Config) (*Monitor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	buffers, err := newBuffers(cfg.PoolSizes)
	if err != nil {
		return nil, err
	}
	m := &Monitor{
		buffers:    buffers,
		checking:   make(chan struct{}, 1),
		collecting: make(chan struct{}, 1),
		cfg:        cfg,
	}
	m.history.resize(cfg.HistorySize)
	m.leaks.turn(cfg.LeakDetection)
	m.tuner.turn(cfg.GCTuner, time.Now())
	return m, nil
}

// Apply changes the configuration; it fails only on an invalid one, and then changes
// nothing. Pools and history over their new bound let go of the surplus, the oldest first.
func (m *Monitor) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.WithDefaults()
	m.mu.Lock()
	m.cfg = cfg
	m.mu.Unlock()
	m.buffers.setMax(cfg.PoolSizes)
	m.history.resize(cfg.HistorySize)
	m.leaks.turn(cfg.LeakDetection)
	m.tuner.turn(cfg.GCTuner, time.Now())
	return nil
}

// OnPressure registers a function that [Monitor.Check] calls, in order of registration
// and before it collects garbage, when use is over the threshold. It gets the share of
// the limit in use and should let go of memory soon; a panic is contained and counted.
// Register before the first Check.
func (m *Monitor) OnPressure(relieve func(ratio float64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.callbacks = append(m.callbacks, relieve)
}

// Pools returns the named pools of byte buffers.
func (m *Monitor) Pools() *Buffers { return m.buffers }

// History returns the kept snapshots, oldest first: one for each Check and Sample.
func (m *Monitor) History() []Snapshot { return m.history.all() }

// Sample takes a snapshot, keeps it in the history and returns it.
func (m *Monitor) Sample() Snapshot {
	s := m.snapshot()
	m.history.add(s)
	return s
}

func (m *Monitor) snapshot() Snapshot {
	h, r := m.host.read(false), readRuntime()
	u := m.usage(h, r)
	return Snapshot{
		Time:         time.Now().UTC(),
		UsedRatio:    u.ratio(),
		UsedBytes:    u.used,
		LimitBytes:   u.limit,
		RSSBytes:     h.process.RSSBytes,
		RSSAnonBytes: h.process.RSSAnonBytes,
		LiveBytes:    r.heap.LiveBytes,
		ObjectsBytes: r.heap.ObjectsBytes,
		HeldBytes:    r.heap.HeldBytes,
		Goroutines:   r.goroutines,
		Cycles:       r.gc.Cycles,
	}
}

// Stats returns the state of memory. What the machine tells is up to a second old.
func (m *Monitor) Stats() Stats {
	h, r := m.host.read(false), readRuntime()
	u := m.usage(h, r)
	m.mu.Lock()
	var lastCheck *CheckResult
	if m.lastCheck != nil {
		c := *m.lastCheck
		lastCheck = &c
	}
	m.mu.Unlock()
	trackers, tracked := m.trackerStats()
	return Stats{
		Time:             time.Now().UTC(),
		System:           h.system,
		Process:          h.process,
		RSS:              explain(h.process, r.heap),
		Pressure:         h.pressure,
		Heap:             r.heap,
		GC:               r.gc,
		LimitBytes:       u.limit,
		LimitSource:      u.source,
		UsedBytes:        u.used,
		UsedRatio:        u.ratio(),
		CgroupLimitBytes: h.cgroupLimit,
		GoLimitBytes:     m.tuner.programLimit(r.gc.LimitBytes),
		ConfigLimitBytes: m.limits(r).configured,
		Tuner:            m.tuner.stats(),
		Pools:            m.buffers.Stats(),
		Goroutines:       r.goroutines,
		Checks:           m.checks.Load(),
		PressureChecks:   m.pressureChecks.Load(),
		PressurePanics:   m.pressurePanics.Load(),
		Collections:      m.collections.Load(),
		LastCheck:        lastCheck,
		LeakDetection:    m.leaks.stats(),
		Leaks:            m.leaks.leaks(u.used, u.limit),
		Trackers:         trackers,
		TrackedObjects:   tracked,
		TopSites:         m.leaks.sites(time.Now()),
		Warnings:         slices.Clone(h.warnings),
	}
}
