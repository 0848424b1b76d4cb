package upshift

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.etcd.io/bbolt"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/diskcache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/internal/run"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/metrics"
	"github.com/sentientcore/upshift/postgres"
	"github.com/sentientcore/upshift/postgres/advise"
	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/capture"
	"github.com/sentientcore/upshift/profiler/cause"
	"github.com/sentientcore/upshift/profiler/otlp"
)

// Manager builds every part from one [Config], starts them in floor order and stops
// them in reverse. Reading this struct is the tour of the house. The parts may be
// used from outside while the Manager runs; a nil part is switched off. A Manager
// lives once: New, Start, Shutdown.
type Manager struct {
	Profiler *profiler.Profiler
	Cache    *cache.Group
	Memory   *memory.Monitor
	Pool     *balancer.Pool
	Pools    map[string]*balancer.Pool // further ones by name
	Postgres *postgres.Monitor
	// Indexes looks for those that the workload of Postgres is worth.
	Indexes *advise.Advisor
	Gateway *gateway.Gateway
	// Registry gathers the instruments of all parts: what /metrics shows.
	Registry *prometheus.Registry

	// Metrics, Alerts, Captures and API hold files or need them: Start makes them, and
	// they are nil before it.
	Metrics  *metrics.Store
	Alerts   *alert.Engine
	Captures *capture.Recorder
	// Causes looks for causes of slowness; nil while the profiler is off.
	Causes *cause.Finder
	// Traces receives spans; nil while the profiler is off.
	Traces *otlp.Receiver
	API    *api.Server

	applying sync.Mutex // one Reload or Apply at a time
	collab   Collaborators
	logger   *slog.Logger
	config   atomic.Pointer[Config]
	settings atomic.Pointer[[]api.Setting]
	draining atomic.Bool
	started  atomic.Bool

	group *run.Group
	loops []*run.Loop
	beat  *heartbeat
	state *bbolt.DB
	dataDoor,
	adminDoor,
	localDoor *door
}

// Collaborators are what a Manager takes from outside. The zero value works.
type Collaborators struct {
	// Logger receives state changes and faults; nil discards them.
	Logger *slog.Logger
	// Load reads the configuration again, for reload. Nil: a reload is refused.
	Load func() (Config, []api.Setting, error)
	// Settings are the values in force with their origin, as the API shows them.
	Settings []api.Setting
	// Version is shown in the API; empty is "dev".
	Version string
}

// New builds every part of cfg and starts nothing: no goroutine, no socket, no file.
// It returns all faults of cfg at once.
func New(cfg Config, collab Collaborators) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	if collab.Logger == nil {
		collab.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{collab: collab, logger: collab.Logger, Registry: prometheus.NewRegistry()}
	m.config.Store(&cfg)
	m.settings.Store(&collab.Settings)
	if err := m.build(cfg); err != nil {
		return nil, err
	}
	m.group = run.New(m.logger, m.parts()...)
	return m, nil
}

// build makes the pillars and the gateway over them.
func (m *Manager) build(cfg Config) error {
	var errs [7]error
	m.Profiler, errs[0] = profiler.New(cfg.Profiler.Config)
	m.Memory, errs[1] = memory.New(cfg.Memory.Config)
	if cfg.Cache.Enabled {
		m.Cache, errs[2] = newCache(cfg, m.logger)
	}
	if cfg.LoadBalancer.Enabled {
		m.Pool, errs[3] = balancer.New(cfg.LoadBalancer.Config)
		errs[6] = m.buildPools(cfg.LoadBalancer)
	}
	if cfg.Database.URL != "" {
		m.Postgres, errs[4] = postgres.New(cfg.Database.Config, m.logger)
	}
	if cfg.Profiler.Enabled && errs[0] == nil {
		m.Traces = otlp.NewReceiver(m.Profiler)
		m.Causes, errs[5] = cause.NewFinder(m.Profiler, cfg.Profiler.Causes)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if m.Postgres != nil {
		var err error
		if m.Indexes, err = advise.New(m.Postgres, advise.Config{}); err != nil {
			return err
		}
	}
	m.Profiler.SetEnabled(cfg.Profiler.Enabled)
	parts := gateway.Parts{Cache: m.Cache, Pools: m.poolTransports(), Profiler: m.Profiler, Logger: m.logger}
	if m.Pool != nil {
		parts.Pool = m.Pool
	}
	gw, err := gateway.New(cfg.Gateway, parts)
	if err != nil {
		return err
	}
	m.Gateway = gw
	if m.Cache != nil {
		m.Memory.OnPressure(m.Cache.Shrink)
	}
	return m.register(cfg)
}

// newCache makes the cache over its second tier, if it has one. Nothing is connected or opened
// yet.
func newCache(cfg Config, logger *slog.Logger) (*cache.Group, error) {
	var remote cache.Remote
	var err error
	switch {
	case cfg.Cache.RedisURL != "":
		remote, err = rediscache.New(rediscache.Config{URL: cfg.Cache.RedisURL}, logger)
	case cfg.Cache.Disk.Path != "":
		remote, err = diskcache.New(cfg.diskCache(), logger)
	}
	if err != nil {
		return nil, err
	}
	return cache.NewShared(cfg.Cache.Config, remote)
}

// register puts the instruments of every part into the one registry.
func (m *Manager) register(cfg Config) error {
	all := []prometheus.Collector{
		collectors.NewGoCollector(),
		metrics.NewSystemCollectorFor(cfg.DataDir),
		m.Profiler, m.Memory, m.Gateway,
	}
	if m.Cache != nil {
		all = append(all, m.Cache)
	}
	if m.Pool != nil {
		all = append(all, append(poolMetrics{m.Pool}, slices.Collect(maps.Values(m.Pools))...))
	}
	if m.Postgres != nil {
		all = append(all, m.Postgres)
	}
	for _, c := range all {
		if err := m.Registry.Register(c); err != nil {
			return fmt.Errorf("register instruments: %w", err)
		}
	}
	return nil
}

// Start opens and runs every part. ctx bounds the opening. When one fails, the error
// names it and everything already started is stopped.
func (m *Manager) Start(ctx context.Context) error {
	if err := m.group.Start(ctx); err != nil {
		return err
	}
	if err := m.API.Announced(); err != nil {
		return errors.Join(fmt.Errorf("keep the first token: %w", err), m.group.Stop(context.WithoutCancel(ctx)))
	}
	m.started.Store(true)
	return nil
}

// Shutdown drains the data plane, then stops every part in reverse order. Requests in
// flight finish; those that do not are cut at the drain timeout, or when ctx ends. It is
// idempotent and may follow no Start.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.draining.Store(true)
	defer context.AfterFunc(ctx, func() {
		m.dataDoor.hurry()
		m.adminDoor.hurry()
		m.localDoor.hurry()
	})()
	err := m.group.Stop(ctx)
	m.started.Store(false)
	return err
}

// Run starts everything, blocks until ctx ends, and shuts down.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return m.Shutdown(context.WithoutCancel(ctx))
}

// Config returns the configuration in force.
func (m *Manager) Config() Config { return *m.config.Load() }

// GatewayAddr is where the data plane listens, once started: host:port.
func (m *Manager) GatewayAddr() string { return m.dataDoor.addr() }

// APIAddr is where the admin plane listens, once started: host:port.
func (m *Manager) APIAddr() string { return m.adminDoor.addr() }

// LoginURL is the dashboard's login link, made at the first start of a data
// directory; "" afterwards.
func (m *Manager) LoginURL() string {
	if m.API == nil {
		return ""
	}
	return m.API.LoginURL()
}

// Ready reports whether requests can be served; the error says why not.
func (m *Manager) Ready() error {
	switch {
	case m.draining.Load():
		return errors.New("shutting down")
	case !m.started.Load():
		return errors.New("starting")
	}
	return nil
}

// socketPath is the local door of the command line.
func socketPath(dataDir string) string { return filepath.Join(dataDir, "api.sock") }

// The intervals of the background loops, as the contract fixes them.
const (
	memoryEvery   = 5 * time.Minute
	cacheEvery    = 10 * time.Minute
	databaseEvery = 30 * time.Minute
)
