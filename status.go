package upshift

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/internal/run"
	"github.com/sentientcore/upshift/memory"
)

// Status is the whole system as data: what each part knows, and the verdict on it.
type Status struct {
	advisor.Snapshot
	Health advisor.Health `json:"health"`
}

// Status returns what every part knows now and the verdict on it.
func (m *Manager) Status() Status {
	s := m.Snapshot()
	return Status{Snapshot: s, Health: advisor.Score(s)}
}

// Snapshot gathers the Stats of every part at one instant.
func (m *Manager) Snapshot() advisor.Snapshot {
	s := advisor.Snapshot{
		At: time.Now().UTC(), Thresholds: m.Config().Thresholds, Alerts: []alert.Alert{}, Loops: m.loopStates(),
		Monitoring: m.started.Load() && m.Metrics != nil && !m.draining.Load(),
	}
	if m.Cache != nil {
		stats := m.Cache.Stats()
		s.Cache = &stats
	}
	if mem := m.memoryPart(); mem != nil {
		stats := mem.Stats()
		s.Memory = &stats
	}
	if m.Pool != nil {
		stats := m.Pool.Stats()
		s.Balancer = &stats
	}
	if m.Postgres != nil {
		stats := m.Postgres.Stats()
		s.Database = &stats
	}
	gatewayStats, profilerStats := m.Gateway.Stats(), m.Profiler.Stats()
	s.Gateway, s.Profiler = &gatewayStats, &profilerStats
	s.Causes = m.Causes.Last().Findings
	if m.started.Load() && m.Alerts != nil {
		s.Alerts = m.Alerts.Active()
	}
	s.Parts = m.partStates(s.Balancer)
	return s
}

// memoryPart is the memory monitor, or nil when monitoring is switched off.
func (m *Manager) memoryPart() *memory.Monitor {
	if !m.Config().Memory.MonitoringEnabled {
		return nil
	}
	return m.Memory
}

// partStates are the states of all parts; pool is what was just read of the load balancer.
func (m *Manager) partStates(pool *balancer.Stats) []advisor.Part {
	states := m.group.States()
	parts := make([]advisor.Part, 0, len(states))
	for _, s := range states {
		p := advisor.Part{Name: s.Name, State: s.Phase, Since: s.Since, Restarts: s.Restarts, LastError: s.LastError}
		m.refine(&p, pool)
		parts = append(parts, p)
	}
	return parts
}

// refine adds what a part knows of its own dependency: a part can run and yet be
// degraded.
func (m *Manager) refine(p *advisor.Part, pool *balancer.Stats) {
	if p.State != run.PhaseRunning {
		return
	}
	switch p.Name {
	case "cache":
		if connected, since, lastError := m.Cache.Remote(); !connected {
			key := "cache.redis_url: "
			if m.Config().Cache.Disk.Path != "" {
				key = "cache.disk.path: "
			}
			p.State, p.Since, p.LastError = run.PhaseDegraded, since, key+lastError
		}
	case "database":
		connected, since, lastError := m.Postgres.State()
		if !since.IsZero() {
			p.Since = since // of the connection, or of its loss
		}
		if !connected {
			p.State, p.LastError = run.PhaseDegraded, lastError
		}
	case "heartbeat":
		if err := m.beat.lastError.Load(); err != nil && *err != nil {
			p.State, p.LastError = run.PhaseDegraded, (*err).Error()
		}
	case "load_balancer":
		if pool.TotalServers > 0 && pool.HealthyServers == 0 {
			p.State, p.LastError = run.PhaseDegraded, "no healthy server"
		}
	}
}

func (m *Manager) loopStates() []advisor.Loop {
	loops := make([]advisor.Loop, len(m.loops))
	for i, l := range m.loops {
		loops[i] = advisor.Loop(l.State())
	}
	return loops
}

// backgroundLoops are the three slow rounds of the contract.
func (m *Manager) backgroundLoops(cfg Config) []*run.Loop {
	var loops []*run.Loop
	if cfg.Memory.MonitoringEnabled {
		loops = append(loops, run.NewLoop("memory_loop", memoryEvery, m.memoryRound))
	}
	if m.Cache != nil {
		loops = append(loops, run.NewLoop("cache_loop", cacheEvery, m.cacheRound))
	}
	if m.Postgres != nil && cfg.Database.OptimizationEnabled {
		loops = append(loops, run.NewLoop("database_loop", databaseEvery, m.databaseRound))
	}
	return loops
}

func (m *Manager) memoryRound(ctx context.Context) (string, error) {
	r, err := m.Memory.Check(ctx)
	if err != nil {
		return "", err
	}
	return r.Action + ": " + r.Reason, nil
}

func (m *Manager) cacheRound(ctx context.Context) (string, error) {
	expired := m.Cache.Cleanup()
	all, err := m.Cache.Optimize(ctx)
	if err != nil {
		return "", err
	}
	var moved []string
	for _, o := range all {
		if o.Moved() {
			moved = append(moved, o.Name)
			m.logger.Info("cache size moved", "cache", o.Name, "before_bytes", o.BeforeBytes, "after_bytes", o.AfterBytes,
				"before_entries", o.BeforeEntries, "after_entries", o.AfterEntries,
				"hit_ratio", o.HitRatio, "expected_hit_ratio", o.ExpectedHitRatio)
		}
	}
	if moved == nil {
		return fmt.Sprintf("%d expired entries removed, no room moved between %d caches", expired, len(all)), nil
	}
	return fmt.Sprintf("%d expired entries removed, room moved between %s", expired, strings.Join(moved, ", ")), nil
}

// databaseRound only looks: it changes nothing without an authorised caller.
func (m *Manager) databaseRound(ctx context.Context) (string, error) {
	connected, _, lastError := m.Postgres.State()
	if !connected {
		return "", fmt.Errorf("not connected: %s", lastError)
	}
	s := m.Postgres.Stats()
	advice, err := m.Indexes.Refresh(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d slow queries, %d of %d connections in use, %d indexes worth making", s.SlowQueries, s.Pool.CheckedOut, s.Pool.Max,
		len(advice.Recommendations)), nil
}

// advise looks for indexes on demand; nil without a database.
func (m *Manager) advise() func(context.Context) error {
	if m.Indexes == nil {
		return nil
	}
	return func(ctx context.Context) error {
		_, err := m.Indexes.Refresh(ctx)
		return err
	}
}
