package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/alert"
)

// SystemStatus is the verdict over the whole system.
type SystemStatus struct {
	// Status is excellent, good, fair or poor; HealthScore 0 to 100.
	Status      string  `json:"status" enum:"excellent,good,fair,poor"`
	HealthScore float64 `json:"health_score"`
	// Confidence is the share (0 to 1) of the score that rests on enough data.
	Confidence       float64          `json:"confidence"`
	Components       StatusComponents `json:"components"`
	MonitoringActive bool             `json:"monitoring_active"`
	// Causes name every lost point, dearest first.
	Causes []advisor.Cause `json:"causes"`
	// Parts and Loops are what runs, and how.
	Parts   []advisor.Part `json:"parts"`
	Loops   []advisor.Loop `json:"loops"`
	Alerts  int            `json:"alerts"`
	Version string         `json:"version"`
	// Warnings are about the admin plane itself, for a banner.
	Warnings []string `json:"warnings"`
}

// StatusComponents are the judged parts. Status is healthy, degraded or disabled.
type StatusComponents struct {
	Cache        CacheStatus    `json:"cache"`
	Memory       MemoryStatus   `json:"memory"`
	LoadBalancer BalancerStatus `json:"load_balancer"`
	Database     DatabaseStatus `json:"database"`
}

// CacheStatus is the cache in short.
type CacheStatus struct {
	Status string `json:"status"`
	// HitRate is 0 to 1.
	HitRate float64 `json:"hit_rate"`
}

// MemoryStatus is the memory in short.
type MemoryStatus struct {
	Status       string  `json:"status"`
	UsagePercent float64 `json:"usage_percent"`
}

// BalancerStatus is the load balancer in short.
type BalancerStatus struct {
	Status string `json:"status"`
	// SuccessRate is 0 to 100.
	SuccessRate    float64 `json:"success_rate"`
	HealthyServers int     `json:"healthy_servers"`
	TotalServers   int     `json:"total_servers"`
}

// DatabaseStatus is the database in short.
type DatabaseStatus struct {
	Status      string `json:"status"`
	Connected   bool   `json:"connected"`
	SlowQueries int    `json:"slow_queries"`
	LastError   string `json:"last_error"`
}

func (s *Server) status(context.Context, *none) (*answer[SystemStatus], error) {
	snap := s.parts.Snapshot()
	health := advisor.Score(snap)
	return ok(SystemStatus{
		Status: health.Grade, HealthScore: health.Score, Confidence: health.Confidence,
		Components: componentsOf(snap, health), MonitoringActive: snap.Monitoring,
		Causes: append([]advisor.Cause{}, health.Causes...),
		Parts:  append([]advisor.Part{}, snap.Parts...), Loops: append([]advisor.Loop{}, snap.Loops...),
		Alerts: len(snap.Alerts), Version: s.parts.Version, Warnings: s.warnings(),
	})
}

func componentsOf(snap advisor.Snapshot, health advisor.Health) StatusComponents {
	v := StatusComponents{
		Cache:        CacheStatus{Status: health.Component("cache").Status},
		Memory:       MemoryStatus{Status: health.Component("memory").Status},
		LoadBalancer: BalancerStatus{Status: health.Component("load_balancer").Status, SuccessRate: 100},
		Database:     DatabaseStatus{Status: health.Component("database").Status},
	}
	if c := snap.Cache; c != nil {
		v.Cache.HitRate = c.HitRatio
	}
	if m := snap.Memory; m != nil {
		v.Memory.UsagePercent = 100 * m.UsedRatio
	}
	if b := snap.Balancer; b != nil {
		v.LoadBalancer.SuccessRate = b.SuccessPercent
		v.LoadBalancer.HealthyServers, v.LoadBalancer.TotalServers = b.HealthyServers, b.TotalServers
	}
	if d := snap.Database; d != nil {
		v.Database.Connected, v.Database.SlowQueries, v.Database.LastError = d.Connected, d.SlowQueries, d.LastError
	}
	return v
}

func (s *Server) warnings() []string {
	list := []string{}
	if s.cfg.exposed() {
		list = append(list, "the admin plane listens on "+s.cfg.Listen+" without TLS (api.insecure_listen)")
	}
	if !s.audit.writable() {
		list = append(list, "the audit log cannot be written; changing calls are refused")
	}
	return list
}

// HealthReport is open: it tells that something is wrong, not what.
type HealthReport struct {
	OverallHealth string           `json:"overall_health" enum:"healthy,degraded"`
	Components    HealthComponents `json:"components"`
	Timestamp     time.Time        `json:"timestamp"`
}

// HealthComponents are healthy, unhealthy or disabled.
type HealthComponents struct {
	Cache        string `json:"cache" enum:"healthy,unhealthy,disabled"`
	Database     string `json:"database" enum:"healthy,unhealthy,disabled"`
	Memory       string `json:"memory" enum:"healthy,unhealthy,disabled"`
	LoadBalancer string `json:"load_balancer" enum:"healthy,unhealthy,disabled"`
}

func (s *Server) health(context.Context, *none) (*answer[HealthReport], error) {
	health := advisor.Score(s.parts.Snapshot())
	v := HealthReport{OverallHealth: "healthy", Timestamp: time.Now().UTC()}
	of := func(name string) string {
		switch status := health.Component(name).Status; status {
		case "healthy", "disabled":
			return status
		}
		v.OverallHealth = "degraded"
		return "unhealthy"
	}
	v.Components = HealthComponents{
		Cache: of("cache"), Database: of("database"), Memory: of("memory"), LoadBalancer: of("load_balancer"),
	}
	return ok(v)
}

func (s *Server) alerts(context.Context, *none) (*answer[[]alert.Alert], error) {
	if s.parts.Alerts == nil {
		return ok([]alert.Alert{})
	}
	return ok(append([]alert.Alert{}, s.parts.Alerts.Active()...))
}

func (s *Server) alertRules(context.Context, *none) (*answer[[]alert.Rule], error) {
	if s.parts.Alerts == nil {
		return ok([]alert.Rule{})
	}
	return ok(append([]alert.Rule{}, s.parts.Alerts.Rules()...))
}

// healthz answers while the process lives.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") }

// readyz answers 503 while requests cannot be served.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.parts.Ready(); err != nil {
		plain(w, http.StatusServiceUnavailable, clip(err.Error(), 200))
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
