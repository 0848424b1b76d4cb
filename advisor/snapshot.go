package advisor

import (
	"time"

	"github.com/sentientcore/upshift/alert"
	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/gateway"
	"github.com/sentientcore/upshift/memory"
	"github.com/sentientcore/upshift/postgres"
	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/cause"
)

// Snapshot is what every part knew at one instant. It is a plain value that can be
// printed, stored and judged again. A nil pointer means that the part is not in use.
type Snapshot struct {
	At         time.Time        `json:"at"`
	Parts      []Part           `json:"parts"`
	Loops      []Loop           `json:"loops"`
	Cache      *cache.Stats     `json:"cache,omitempty"`
	Memory     *memory.Stats    `json:"memory,omitempty"`
	Balancer   *balancer.Stats  `json:"load_balancer,omitempty"`
	Database   *postgres.Stats  `json:"database,omitempty"`
	Gateway    *gateway.Stats   `json:"gateway,omitempty"`
	Profiler   *profiler.Stats  `json:"profiler,omitempty"`
	Causes     []cause.Finding  `json:"causes,omitempty"`
	Thresholds alert.Thresholds `json:"thresholds"`
	Alerts     []alert.Alert    `json:"alerts"`
	// Monitoring is true while the heartbeat and the background loops run.
	Monitoring bool `json:"monitoring"`
}

// Part is the life of one part: running, degraded, stopping, stopped or disabled.
type Part struct {
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Since     time.Time `json:"since,omitzero"`
	Restarts  int       `json:"restarts"`
	LastError string    `json:"last_error,omitempty"`
}

// Loop is a background loop: what it did last and when it acts again.
type Loop struct {
	Name         string    `json:"name"`
	EverySeconds float64   `json:"every_seconds"`
	Runs         int       `json:"runs"`
	Failures     int       `json:"failures"`
	LastRun      time.Time `json:"last_run,omitzero"`
	TookSeconds  float64   `json:"took_seconds"`
	LastResult   string    `json:"last_result,omitempty"`
	LastError    string    `json:"last_error,omitempty"`
	NextRun      time.Time `json:"next_run,omitzero"`
}
