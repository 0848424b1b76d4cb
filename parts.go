package upshift

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/internal/run"
	"github.com/sentientcore/upshift/metrics"
	"github.com/sentientcore/upshift/web"
)

// parts lists every part, ground floor first. They stop in reverse, so the data
// plane drains while the admin plane still answers.
func (m *Manager) parts() []run.Part {
	cfg := m.Config()
	m.dataDoor = &door{network: "tcp", address: cfg.Gateway.Listen, key: "gateway.listen", serve: m.serveGateway}
	m.adminDoor = &door{
		network: "tcp", address: cfg.API.Listen, key: "api.listen", wrap: m.wrapAPI, serve: m.serveAPI,
	}
	m.localDoor = &door{network: "unix", address: socketPath(cfg.DataDir), key: "data_dir", serve: m.serveLocal}
	m.beat = newHeartbeat(m, cfg.Metrics.CollectionInterval)

	parts := []run.Part{
		{Name: "state", Open: m.openState, Close: m.closeState},
		{Name: "metrics", Open: m.openMetrics, Close: m.closeMetrics},
	}
	if cfg.Memory.MonitoringEnabled {
		parts = append(parts, run.Part{Name: "memory", Run: m.Memory.Run})
	}
	if m.Cache != nil {
		parts = append(parts, run.Part{Name: "cache", Run: m.Cache.Run})
	}
	if m.Pool != nil {
		parts = append(parts, run.Part{Name: "load_balancer", Run: m.Pool.Run})
		parts = append(parts, m.poolParts(cfg.LoadBalancer)...)
	}
	if m.Postgres != nil {
		parts = append(parts, run.Part{Name: "database", Run: m.Postgres.Run})
	}
	if cfg.Profiler.Enabled {
		parts = append(parts, run.Part{Name: "captures", Open: m.openCaptures, Run: m.runCaptures, Close: m.closeCaptures})
		parts = append(parts, run.Part{Name: "causes", Run: m.Causes.Run}, run.Part{Name: "traces", Run: m.Traces.Run})
	}
	parts = append(parts,
		run.Part{Name: "alerts", Open: m.openAlerts, Run: m.runAlerts},
		run.Part{Name: "api", Open: m.openAPI, Run: m.runAPI},
		run.Part{Name: "heartbeat", Run: m.beat.Run}, // above what it publishes to
	)
	m.loops = m.backgroundLoops(cfg)
	for _, l := range m.loops {
		parts = append(parts, l.Part())
	}
	return append(parts,
		m.adminDoor.part("api_listener"),
		m.localDoor.part("local_listener"),
		m.dataDoor.part("gateway"),
	)
}

// openState makes the data directory and opens the one state file, which no second
// process can open meanwhile.
func (m *Manager) openState(context.Context) error {
	dir := m.Config().DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data_dir: make %s: %w; set data_dir to a directory this user may write", dir, errors.Unwrap(err))
	}
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("data_dir: %s is in use by another upshift; stop it or set another data_dir", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data_dir: %s cannot be written; set data_dir to a directory this user may write", dir)
	case err != nil:
		return fmt.Errorf("data_dir: open state.db in %s: %w; move the file aside to start afresh", dir, err)
	}
	m.state = db
	return nil
}

func (m *Manager) closeState(context.Context) error { return m.state.Close() }

func (m *Manager) openMetrics(context.Context) error {
	cfg := m.Config()
	if !cfg.Metrics.Enabled {
		return nil
	}
	store, err := metrics.Open(filepath.Join(cfg.DataDir, "metrics"), cfg.Metrics.Config, m.logger)
	if err != nil {
		return err
	}
	m.Metrics = store
	return m.Registry.Register(store)
}

func (m *Manager) closeMetrics(context.Context) error {
	if m.Metrics == nil {
		return nil
	}
	return m.Metrics.Close()
}

func (m *Manager) openAlerts(context.Context) error {
	if m.Metrics == nil {
		return nil
	}
	cfg := m.Config()
	engine, err := alert.New(cfg.Alerts, cfg.Thresholds, m.Metrics, m.logger)
	if err != nil {
		return err
	}
	m.Alerts = engine
	return m.Registry.Register(engine)
}

func (m *Manager) runAlerts(ctx context.Context) error {
	if m.Alerts == nil {
		<-ctx.Done()
		return nil
	}
	return m.Alerts.Run(ctx)
}

func (m *Manager) openAPI(context.Context) error {
	cfg := m.Config()
	server, err := api.New(cfg.API, api.Parts{
		Cache: m.Cache, Pool: m.Pool, Pools: m.Pools, Memory: m.memoryPart(), Postgres: m.Postgres,
		Profiler: m.Profiler, Captures: m.Captures, Causes: m.Causes, Traces: m.Traces, Metrics: m.Metrics,
		Alerts: m.Alerts, Gateway: m.Gateway,
		Advise: m.advise(), Snapshot: m.Snapshot, Reload: m.Reload, Settings: m.Settings, Ready: m.Ready,
		State: m.state, DataDir: cfg.DataDir, Registry: m.Registry, UI: web.Handler(),
		Logger: m.logger, Version: m.collab.Version,
	})
	if err != nil {
		return err
	}
	m.API = server
	return m.Registry.Register(server)
}

func (m *Manager) runAPI(ctx context.Context) error { return m.API.Run(ctx) }

// Settings returns each configured value in force with its origin.
func (m *Manager) Settings() []api.Setting { return *m.settings.Load() }
