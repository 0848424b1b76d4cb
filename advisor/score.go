package advisor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sentientcore/upshift/balancer"
	"github.com/sentientcore/upshift/memory"
)

// The weights of the four judged parts, in percent. A part that is not in use does
// not count; its weight is shared out among the others in proportion.
const (
	weightCache    = 30.0
	weightMemory   = 25.0
	weightBalancer = 25.0
	weightDatabase = 20.0
)

// Below these numbers of observations a part is not judged: it keeps its points and
// the confidence falls instead.
const (
	minCacheRequests    = 100
	minBalancerRequests = 20
	minDatabaseQueries  = 20
)

// Health is the verdict over one Snapshot.
type Health struct {
	// Score is 0–100.
	Score float64 `json:"score"`
	// Grade is excellent (≥ 90), good (≥ 75), fair (≥ 60) or poor.
	Grade string `json:"grade"`
	// Confidence is the share (0–1) of the weight that was judged on enough data.
	Confidence float64     `json:"confidence"`
	Components []Component `json:"components"`
	// Causes names every lost point, dearest first.
	Causes []Cause `json:"causes"`
}

// Component is the verdict on one part.
type Component struct {
	Name string `json:"name"`
	// Status is healthy, degraded or disabled.
	Status string `json:"status"`
	// Points is 0–100 within the component; Weight is its share of the score (0–1).
	Points float64 `json:"points"`
	Weight float64 `json:"weight"`
	// Judged is false while there is too little data to take points off.
	Judged bool `json:"judged"`
}

// Cause is why points of the score were lost, and what to do about it.
type Cause struct {
	Component string `json:"component"`
	// Lost is in points of the whole score.
	Lost   float64 `json:"lost"`
	Reason string  `json:"reason"`
	Action string  `json:"action"`
}

// Component returns the verdict on the part called name; a part that is unknown is
// disabled.
func (h Health) Component(name string) Component {
	for _, c := range h.Components {
		if c.Name == name {
			return c
		}
	}
	return Component{Name: name, Status: "disabled"}
}

// judge collects what one component loses, in points of that component.
type judge struct {
	Component
	full   float64
	inUse  bool
	causes []Cause
}

func (j *judge) lose(points float64, reason, action string) {
	points = min(points, j.Points)
	if !(points >= 0.05) { // nothing worth a word, or not a number
		return
	}
	j.Points -= points
	j.causes = append(j.causes, Cause{Component: j.Name, Lost: points, Reason: reason, Action: action})
}

// Score judges s. It is pure: the same Snapshot gives the same Health.
func Score(s Snapshot) Health {
	judges := []*judge{judgeCache(s), judgeMemory(s), judgeBalancer(s), judgeDatabase(s)}
	total := 0.0
	for _, j := range judges {
		if j.inUse {
			total += j.full
		}
	}
	h := Health{Score: 100, Confidence: 1, Causes: []Cause{}}
	if total > 0 {
		h.Score, h.Confidence = 0, 0
	}
	for _, j := range judges {
		h.add(j, total)
	}
	slices.SortStableFunc(h.Causes, func(a, b Cause) int { return cmp.Compare(b.Lost, a.Lost) })
	h.Score, h.Confidence = round1(h.Score), math.Round(h.Confidence*100)/100
	h.Grade = grade(h.Score)
	return h
}

// add folds one component into the verdict; total is the weight of all in use.
func (h *Health) add(j *judge, total float64) {
	if !j.inUse {
		h.Components = append(h.Components, Component{Name: j.Name, Status: "disabled"})
		return
	}
	j.Weight = j.full / total
	j.Status = "healthy"
	if j.Points < 75 {
		j.Status = "degraded"
	}
	h.Score += j.Points * j.Weight
	if j.Judged {
		h.Confidence += j.Weight
	}
	for _, c := range j.causes {
		c.Lost = math.Round(100*c.Lost*j.Weight) / 100 // fine enough for the smallest loss
		h.Causes = append(h.Causes, c)
	}
	j.Points, j.Weight = round1(j.Points), math.Round(j.Weight*1000)/1000
	h.Components = append(h.Components, j.Component)
}

func newJudge(name string, full float64, inUse bool) *judge {
	return &judge{Component: Component{Name: name, Points: 100, Judged: true}, full: full, inUse: inUse}
}

// judgeCache looks at the requests that a cache can answer.
func judgeCache(s Snapshot) *judge {
	j := newJudge("cache", weightCache, s.Cache != nil)
	if !j.inUse {
		return j
	}
	requests, hit := without(notForCaches(s), s.Cache.Requests, s.Cache.Hits, s.Cache.HitRatio)
	if requests < minCacheRequests {
		j.Judged = false
		return j
	}
	if hit < wantHitRatio {
		j.lose(100*(1-hit/wantHitRatio),
			fmt.Sprintf("hit rate %.1f %% of %d requests, wanted %.0f %%", 100*hit, requests, 100*wantHitRatio),
			"look at the cache page for the named cache with most misses; raise its size or TTL")
	}
	return j
}

// judgeMemory keeps all points to 15 points below the threshold, takes half of them
// by the threshold and the rest by 100 %.
func judgeMemory(s Snapshot) *judge {
	j := newJudge("memory", weightMemory, s.Memory != nil)
	if !j.inUse {
		return j
	}
	used, threshold := memoryUsedPercent(s), s.Thresholds.WithDefaults().MemoryUsagePercent
	easy := max(threshold-15, 0)
	reason := fmt.Sprintf("memory use %.1f %%, threshold %.0f %%", used, threshold)
	action := "lower cache.max_bytes, raise the memory limit, or find the growth on the memory page"
	switch {
	case used > threshold:
		j.lose(50+50*(used-threshold)/max(100-threshold, 1), reason, action)
	case used > easy:
		j.lose(50*(used-easy)/(threshold-easy), reason, action)
	}
	if n := len(s.Memory.Leaks); n > 0 {
		points := 5.0 // one suspect in a hundred is none
		for _, l := range s.Memory.Leaks {
			if l.Confidence != memory.LeakSuspect {
				points = 20
			}
		}
		j.lose(points, fmt.Sprintf("%d suspected memory leaks", n), "open the leak's stack on the memory page")
	}
	return j
}

// judgeBalancer takes 10 points for each percent of the requests that failed lately, and up to 30
// for servers that are not healthy. Servers in maintenance are out of service on purpose.
func judgeBalancer(s Snapshot) *judge {
	j := newJudge("load_balancer", weightBalancer, s.Balancer != nil)
	if !j.inUse {
		return j
	}
	b := s.Balancer
	inService := b.TotalServers - inMaintenance(b.Servers)
	if inService <= 0 {
		j.Judged = false
		return j
	}
	if sick := inService - b.HealthyServers; sick > 0 {
		j.lose(30*float64(sick)/float64(inService),
			fmt.Sprintf("%d of %d servers not healthy", sick, inService),
			"see the server's last check on the load balancer page; drain or repair it")
	}
	if b.Recent.Ended() < minBalancerRequests {
		j.Judged = false
		return j
	}
	j.lose(10*(100-b.Recent.SuccessPercent),
		fmt.Sprintf("success rate %.2f %% of %d requests in the last five minutes", b.Recent.SuccessPercent, b.Recent.Ended()),
		"see the error rate per server on the load balancer page")
	return j
}

func inMaintenance(servers map[string]balancer.ServerStats) int {
	n := 0
	for _, sv := range servers {
		if sv.Status == balancer.StatusMaintenance {
			n++
		}
	}
	return n
}

// judgeDatabase takes 4 points for each slow statement, up to 24: they alone leave the part
// healthy, since a server remembers the slowest call of each for as long as it counts.
func judgeDatabase(s Snapshot) *judge {
	j := newJudge("database", weightDatabase, s.Database != nil)
	if !j.inUse {
		return j
	}
	d := s.Database
	if !d.Connected {
		j.lose(100, "no connection: "+cmp.Or(d.LastError, "not connected yet"), "check database.url and the server")
		return j
	}
	if n := d.SlowQueries; n > 0 {
		j.lose(min(4*float64(n), 24), fmt.Sprintf("%d slow queries", n), "open the slowest on the database page")
	}
	if d.Pool.Max > 0 {
		if used := 100 * float64(d.Pool.CheckedOut) / float64(d.Pool.Max); used > 90 {
			j.lose(20, fmt.Sprintf("connection pool %.0f %% in use", used),
				"find who holds sessions, or raise database.connection_pool_size")
		}
	}
	j.Judged = d.Queries.Total >= minDatabaseQueries
	return j
}

// memoryUsedPercent is the use of the tighter of machine and container limit.
func memoryUsedPercent(s Snapshot) float64 {
	used := s.Memory.System.UsedPercent
	if limit := s.Memory.LimitBytes; limit > 0 {
		used = max(used, 100*float64(s.Memory.Process.RSSAnonBytes)/float64(limit))
	}
	return min(max(used, 0), 100)
}

func grade(score float64) string {
	switch {
	case score >= 90:
		return "excellent"
	case score >= 75:
		return "good"
	case score >= 60:
		return "fair"
	default:
		return "poor"
	}
}

func round1(x float64) float64 { return math.Round(x*10) / 10 }
