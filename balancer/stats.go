package balancer

import "time"

// The states of a server.
const (
	StatusHealthy     = "healthy"
	StatusDegraded    = "degraded"
	StatusUnhealthy   = "unhealthy"
	StatusMaintenance = "maintenance"
)

// Stats are a pool's figures at one instant. Every number is finite.
type Stats struct {
	// Strategy is the one in force.
	Strategy string `json:"strategy"`
	// TotalServers and HealthyServers count the pool; a degraded server counts as healthy.
	TotalServers   int `json:"total_servers"`
	HealthyServers int `json:"healthy_servers"`
	// Requests are calls made to the pool, Succeeded and Failed how they ended in the end,
	// Cancelled those that the caller gave up, Rejected those that no server could take
	// (counted in Failed too), Retries further attempts.
	Requests  uint64 `json:"requests"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	Cancelled uint64 `json:"cancelled"`
	Rejected  uint64 `json:"rejected"`
	Retries   uint64 `json:"retries"`
	// RetriesDenied are retries that the budget did not allow.
	RetriesDenied uint64 `json:"retries_denied"`
	// Hedges are requests sent to a second server as the first was late, HedgesWon those that the
	// second answered.
	Hedges    uint64 `json:"hedges"`
	HedgesWon uint64 `json:"hedges_won"`
	// Cut are calls cancelled at a drain timeout.
	Cut uint64 `json:"cut"`
	// SuccessPercent is 100 × Succeeded / (Succeeded + Failed), 100 when there was none.
	SuccessPercent float64 `json:"success_percent"`
	// Recent are the outcomes of the last five to six minutes: what tells whether the pool
	// works now, while the counts since the start still remember old trouble.
	Recent Outcomes `json:"recent"`
	// MeanResponseSeconds covers the last one to two minutes, or all time when they had none.
	MeanResponseSeconds float64 `json:"mean_response_seconds"`
	// RequestsPerSecond counts attempts that ended in the last ten seconds.
	RequestsPerSecond float64 `json:"requests_per_second"`
	// ActiveConnections are the calls in flight.
	ActiveConnections int `json:"active_connections"`
	// Panic says that health is ignored because too few servers are usable.
	Panic bool `json:"panic"`
	// Discovery is what became of each source of servers.
	Discovery []DiscoveryStats `json:"discovery"`
	// Distribution counts attempts by server id, Servers holds each server's own figures.
	Distribution map[string]uint64      `json:"distribution"`
	Servers      map[string]ServerStats `json:"servers"`
}

// Outcomes is how calls ended in the end; those that the caller gave up do not count.
type Outcomes struct {
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
	// SuccessPercent is 100 when there was none.
	SuccessPercent float64 `json:"success_percent"`
}

// Ended is how many calls these are.
func (o Outcomes) Ended() uint64 { return o.Succeeded + o.Failed }

// ServerStats are a server's figures at one instant. Every number is finite.
type ServerStats struct {
	ID             string  `json:"id"`
	URL            string  `json:"url"`
	Weight         float64 `json:"weight"`
	MaxConnections int     `json:"max_connections"`
	// Source is the source that found the server, empty for one that is configured or was added.
	Source string `json:"source"`
	// Status is healthy, degraded, unhealthy or maintenance, Reason says why and Since
	// since when.
	Status string    `json:"status"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since,omitzero"`
	// ActiveConnections are the calls in flight.
	ActiveConnections int `json:"active_connections"`
	// LoadScore explains, it does not decide: 0.3 × response time (of 1 s) + 0.3 ×
	// connections (of max_connections, or 100) + 0.2 × error share + 0.2 × reported load,
	// each 0..1. Lower is better.
	LoadScore float64 `json:"load_score"`
	// MeanResponseSeconds, P50Seconds, P99Seconds and ErrorPercent cover the last one to
	// two minutes, or all time (quantiles: zero) when they had no request.
	MeanResponseSeconds float64 `json:"mean_response_seconds"`
	P50Seconds          float64 `json:"p50_seconds"`
	P99Seconds          float64 `json:"p99_seconds"`
	ErrorPercent        float64 `json:"error_percent"`
	// RequestsPerSecond counts attempts that ended in the last ten seconds.
	RequestsPerSecond float64 `json:"requests_per_second"`
	// Requests are attempts that began, of which Failed and Cancelled ended so.
	Requests  uint64 `json:"requests"`
	Failed    uint64 `json:"failed"`
	Cancelled uint64 `json:"cancelled"`
	// Ejections count how often consecutive failures took the server out.
	Ejections uint64 `json:"ejections"`
	// LoadRatio is the load that the server last reported, 0..1; LoadReported is when.
	LoadRatio    float64   `json:"load_ratio"`
	LoadReported time.Time `json:"load_reported,omitzero"`
	// LastCheck is the last active check, zero before the first; LastCheckError is empty
	// when it was good.
	LastCheck      time.Time `json:"last_check,omitzero"`
	LastCheckError string    `json:"last_check_error"`

	answered     uint64 // responses in all and their time
	totalSeconds float64
}

// Stats returns the pool's figures. It is safe for concurrent use.
func (p *Pool) Stats() Stats {
	v, now := p.view.Load(), p.now()
	st := Stats{
		Strategy: v.name, TotalServers: len(v.servers), Panic: p.climate.panic.Load(),
		Requests: p.requests.Load(), Succeeded: p.succeeded.Load(), Failed: p.failed.Load(),
		Cancelled: p.cancelled.Load(), Rejected: p.rejected.Load(),
		Retries: p.retries.Load(), RetriesDenied: p.budget.denied.Load(), Cut: p.cut.Load(),
		Hedges: p.hedges.Load(), HedgesWon: p.hedgesWon.Load(),
		SuccessPercent: 100, Recent: p.outcomes.recent(now), Discovery: p.discovery.all(),
		Distribution: make(map[string]uint64, len(v.servers)),
		Servers:      make(map[string]ServerStats, len(v.servers)),
	}
	var recent tally
	for _, s := range v.servers {
		ss, t := s.stats(p.epoch, now)
		recent.add(t)
		st.Servers[s.id] = ss
		st.Distribution[s.id] = ss.Requests
		st.ActiveConnections += ss.ActiveConnections
		st.RequestsPerSecond += ss.RequestsPerSecond
		if ss.Status == StatusHealthy || ss.Status == StatusDegraded {
			st.HealthyServers++
		}
	}
	st.MeanResponseSeconds = recent.meanSeconds()
	if ended := st.Succeeded + st.Failed; ended > 0 {
		st.SuccessPercent = 100 * float64(st.Succeeded) / float64(ended)
	}
	return st
}

// Servers returns the figures of all servers in the order they were configured.
func (p *Pool) Servers() []ServerStats {
	v, now := p.view.Load(), p.now()
	all := make([]ServerStats, len(v.servers))
	for i, s := range v.servers {
		all[i], _ = s.stats(p.epoch, now)
	}
	return all
}

// Server returns the figures of one server; false means that there is none of that id.
func (p *Pool) Server(id string) (ServerStats, bool) {
	s := p.view.Load().find(id)
	if s == nil {
		return ServerStats{}, false
	}
	stats, _ := s.stats(p.epoch, p.now())
	return stats, true
}
