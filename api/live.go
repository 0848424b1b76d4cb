package api

import (
	"context"

	"github.com/sentientcore/upshift/advisor"
)

// Frame is what the event "metrics" carries once a second: the overview in one value, so
// that a dashboard needs one stream and asks for nothing.
type Frame struct {
	Current      CurrentPoint  `json:"current"`
	Status       FrameStatus   `json:"status"`
	Cache        CacheStats    `json:"cache"`
	LoadBalancer BalancerStats `json:"load_balancer"`
	Memory       FrameMemory   `json:"memory"`
	Database     FrameDatabase `json:"database"`
	// Alerts are those pending or firing, Recommendations the open ones.
	Alerts          int `json:"alerts"`
	Recommendations int `json:"recommendations"`
}

// FrameStatus is the verdict in short.
type FrameStatus struct {
	Status      string          `json:"status"`
	HealthScore float64         `json:"health_score"`
	Causes      []advisor.Cause `json:"causes"`
}

// FrameMemory is the memory in short.
type FrameMemory struct {
	Enabled     bool    `json:"enabled"`
	UsedPercent float64 `json:"used_percent"`
	RSSMB       float64 `json:"rss_mb"`
	HeapLiveMB  float64 `json:"heap_live_mb"`
	Goroutines  int     `json:"goroutines"`
}

// FrameDatabase is the database in short.
type FrameDatabase struct {
	Enabled             bool    `json:"enabled"`
	Connected           bool    `json:"connected"`
	SlowQueriesCount    int     `json:"slow_queries_count"`
	ConnectionPoolUsage float64 `json:"connection_pool_usage"`
}

// Live gathers the frame of this instant.
func (s *Server) Live(ctx context.Context) (Frame, error) {
	current, err := s.Current(ctx)
	if err != nil {
		return Frame{}, err
	}
	snap := s.parts.Snapshot()
	health := advisor.Score(snap)
	f := Frame{
		Current: current,
		Status: FrameStatus{
			Status: health.Grade, HealthScore: health.Score, Causes: append([]advisor.Cause{}, health.Causes...),
		},
		Cache: CacheStats{Caches: map[string]NamedCache{}, Warnings: []string{}}, LoadBalancer: balancerView(nil),
		Alerts: len(snap.Alerts), Recommendations: s.openFindings(snap),
	}
	if snap.Cache != nil {
		f.Cache = cacheView(*snap.Cache)
	}
	if snap.Balancer != nil {
		f.LoadBalancer = balancerView(snap.Balancer)
	}
	if m := snap.Memory; m != nil {
		f.Memory = FrameMemory{
			Enabled: true, UsedPercent: 100 * m.UsedRatio, RSSMB: mb(m.Process.RSSBytes), HeapLiveMB: mb(m.Heap.LiveBytes),
			Goroutines: m.Goroutines,
		}
	}
	if snap.Database != nil {
		d := databaseView(*snap.Database)
		f.Database = FrameDatabase{
			Enabled: true, Connected: d.Connected, SlowQueriesCount: d.SlowQueriesCount,
			ConnectionPoolUsage: d.ConnectionPoolUsage,
		}
	}
	return f, nil
}
