package upshift

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/sentientcore/upshift/internal/conf"
)

// ErrNoReload is returned by [Manager.Reload] when the Manager was made without
// Collaborators.Load.
var ErrNoReload = errors.New("upshift: no configuration to read again")

// Reload reads the configuration again and puts it in force: all of it or, with an
// error that names every fault, none. Servers that left the configuration are
// drained. What only a restart can change is refused by name.
func (m *Manager) Reload(context.Context) error {
	if m.collab.Load == nil {
		return ErrNoReload
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	next, settings, err := m.collab.Load()
	if err != nil {
		return err
	}
	if err := m.apply(next); err != nil {
		return err
	}
	m.settings.Store(&settings)
	m.logger.Info("configuration reloaded")
	return nil
}

// Apply puts next in force while running; see [Manager.Reload].
func (m *Manager) Apply(next Config) error {
	m.applying.Lock()
	defer m.applying.Unlock()
	return m.apply(next)
}

// apply expects that nobody else applies. Once Validate and needsRestart have let next
// pass, no part refuses it.
func (m *Manager) apply(next Config) error {
	if err := next.Validate(); err != nil {
		return err
	}
	next = next.WithDefaults()
	now := m.Config()
	if err := needsRestart(now, next); err != nil {
		return err
	}
	errs := []error{
		m.Memory.Apply(next.Memory.Config), m.Gateway.Apply(next.Gateway), m.Captures.Apply(next.Profiler.Capture), m.Causes.Apply(next.Profiler.Causes),
	}
	if now.Profiler.Enabled != next.Profiler.Enabled || now.Profiler.Config != next.Profiler.Config { // else what was switched at run time stays
		errs = append(errs, m.Profiler.Apply(next.Profiler.Config))
		m.Profiler.SetEnabled(next.Profiler.Enabled)
	}
	if m.Cache != nil {
		errs = append(errs, m.Cache.Apply(next.Cache.Config))
	}
	if m.Pool != nil {
		errs = append(errs, m.Pool.Apply(next.LoadBalancer.Config), m.applyPools(next.LoadBalancer))
	}
	if m.Alerts != nil {
		errs = append(errs, m.Alerts.Apply(next.Alerts, next.Thresholds))
	}
	if m.Metrics != nil {
		errs = append(errs, m.Metrics.Apply(next.Metrics.Config))
	}
	m.beat.setEvery(next.Metrics.CollectionInterval)
	m.config.Store(&next)
	return errors.Join(errs...)
}

// needsRestart names every value that differs and cannot change while running.
func needsRestart(now, next Config) error {
	// Of section metrics one value can change.
	now.Metrics.CollectionInterval, next.Metrics.CollectionInterval = 0, 0
	fixed := func(c Config) map[string]any {
		return map[string]any{
			"data_dir":                  c.DataDir,
			"cache.enabled":             c.Cache.Enabled,
			"cache.redis_url":           c.Cache.RedisURL,
			"cache.disk":                c.Cache.Disk,
			"database":                  c.Database,
			"memory.monitoring_enabled": c.Memory.MonitoringEnabled,
			"load_balancer.enabled":     c.LoadBalancer.Enabled,
			"load_balancer.pools":       c.LoadBalancer.poolNames(),
			"metrics":                   c.Metrics,
			"gateway.listen":            c.Gateway.Listen,
			"api":                       c.API,
		}
	}
	var errs []error
	was, is := fixed(now), fixed(next)
	for _, section := range slices.Sorted(maps.Keys(was)) {
		if reflect.DeepEqual(was[section], is[section]) {
			continue
		}
		for _, key := range changed(section, now, next) {
			errs = append(errs, fmt.Errorf("%s: cannot change while running; restart upshift to put it in force", key))
		}
	}
	return errors.Join(errs...)
}

// changed names the keys of a section that differ; the section itself where that is a secret.
func changed(section string, now, next Config) []string {
	var was, is conf.Report
	if errors.Join(was.Refresh(now), is.Refresh(next)) != nil {
		return []string{section}
	}
	values := map[string]string{}
	for _, s := range was.Settings {
		values[s.Key] = s.Value
	}
	var keys []string
	for _, s := range is.Settings {
		if (s.Key == section || strings.HasPrefix(s.Key, section+".")) && values[s.Key] != s.Value {
			keys = append(keys, s.Key)
		}
	}
	if keys == nil {
		return []string{section}
	}
	return keys
}
