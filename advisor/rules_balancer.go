package advisor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func lowSuccess(s Snapshot) []Finding {
	b := s.Balancer
	if b == nil || b.Recent.Ended() < minBalancerRequests || b.Recent.SuccessPercent >= 95 {
		return nil
	}
	return []Finding{{
		ID: "load-balancer-low-success", Type: "load_balancer", Priority: "high",
		Title:        "Low success rate",
		Description:  fmt.Sprintf("%.1f %% of requests to backends succeed.", b.Recent.SuccessPercent),
		Action:       "Drain the server with the highest error rate; see its errors on the load balancer page.",
		Evidence:     worstServers(s),
		ExpectedGain: fmt.Sprintf("up to %.1f %% fewer failed requests", 100-b.Recent.SuccessPercent),
		Risk:         "medium: the other servers take the drained one's load",
	}}
}

func unhealthyServers(s Snapshot) []Finding {
	if s.Balancer == nil {
		return nil
	}
	var found []Finding
	for _, id := range slices.Sorted(maps.Keys(s.Balancer.Servers)) {
		sv := s.Balancer.Servers[id]
		if sv.Status != "unhealthy" && sv.Status != "degraded" {
			continue
		}
		priority := "medium"
		if sv.Status == "unhealthy" {
			priority = "high"
		}
		evidence := []string{fmt.Sprintf("error rate %.1f %%, mean %.0f ms", sv.ErrorPercent, 1000*sv.MeanResponseSeconds)}
		if sv.LastCheckError != "" {
			evidence = append(evidence, "last health check: "+sv.LastCheckError)
		}
		found = append(found, Finding{
			ID: "load-balancer-" + sv.Status + "-" + id, Type: "load_balancer", Priority: priority,
			Title:        fmt.Sprintf("Server %q is %s", id, sv.Status),
			Description:  fmt.Sprintf("%s has been %s since %s.", id, sv.Status, sv.Since.UTC().Format(time.DateTime+" MST")),
			Action:       "Repair the server, or put it into maintenance until it is.",
			Evidence:     evidence,
			ExpectedGain: "its share of the load is served again",
			Risk:         "none",
		})
	}
	return found
}

// worstServers tells how many requests failed and lists up to three servers, worst first.
func worstServers(s Snapshot) []string {
	ids := slices.SortedFunc(maps.Keys(s.Balancer.Servers), func(a, b string) int {
		x, y := s.Balancer.Servers[a].ErrorPercent, s.Balancer.Servers[b].ErrorPercent
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a, b)
	})
	lines := []string{fmt.Sprintf("%d of %d requests failed in the last five minutes", s.Balancer.Recent.Failed, s.Balancer.Recent.Ended())}
	for _, id := range ids[:min(3, len(ids))] {
		lines = append(lines, fmt.Sprintf("%s: error rate %.1f %%", id, s.Balancer.Servers[id].ErrorPercent))
	}
	return lines
}
