package advisor

import (
	"fmt"

	"github.com/sentientcore/upshift/profiler"
)

// maxSlowFunctions bounds the findings of one look.
const maxSlowFunctions = 5

// slowFunctions tells of each function for which a cause of its slowness stands out. Waiting for a
// backend is what a gateway does, and what the load balancer's own rules judge.
func slowFunctions(s Snapshot) []Finding {
	var found []Finding
	for _, c := range s.Causes {
		if c.Kind == profiler.CauseIO || len(found) == maxSlowFunctions {
			continue
		}
		priority := "low"
		switch {
		case c.Kind == profiler.CauseRegression, c.ShareRatio >= 0.5:
			priority = "high"
		case c.ShareRatio >= 0.2:
			priority = "medium"
		}
		found = append(found, Finding{
			ID: "profiler-cause-" + c.Kind + "-" + c.Function, Type: "profiler", Priority: priority,
			Title:        fmt.Sprintf("%s is slow: %s", c.Function, kinds[c.Kind]),
			Description:  fmt.Sprintf("%s explains %.0f %% of the time of all profiled calls.", kinds[c.Kind], 100*c.ShareRatio),
			Action:       c.Action,
			Evidence:     []string{c.Function + ": " + c.Evidence},
			ExpectedGain: fmt.Sprintf("up to %.0f %% of the time of all profiled calls", 100*c.ShareRatio),
			Risk:         "none: needs a change of code or settings",
		})
	}
	return found
}

// kinds are the causes in words.
var kinds = map[string]string{
	profiler.CauseCPU: "computing", profiler.CauseLock: "waiting for a lock", profiler.CauseQueue: "waiting for a slot",
	profiler.CauseScheduler: "waiting for a processor", profiler.CauseGC: "garbage collection",
	profiler.CauseNPlusOne: "a call for each item", profiler.CauseTail: "a few calls that hang",
	profiler.CauseRegression: "slower than before",
}
