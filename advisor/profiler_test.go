package advisor

import (
	"strings"
	"testing"

	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/cause"
)

func TestSlowFunctions(t *testing.T) {
	t.Parallel()
	var s Snapshot
	for kind, share := range map[string]float64{
		profiler.CauseLock: 0.6, profiler.CauseQueue: 0.3, profiler.CauseCPU: 0.1, profiler.CauseRegression: 0.1, profiler.CauseIO: 1,
	} {
		s.Causes = append(s.Causes, cause.Finding{Function: "f." + kind, Cause: profiler.Cause{
			Kind: kind, Evidence: "evidence of " + kind, Action: "do this about " + kind, ShareRatio: share,
		}})
	}
	for kind, priority := range map[string]string{
		profiler.CauseLock: "high", profiler.CauseQueue: "medium", profiler.CauseCPU: "low", profiler.CauseRegression: "high",
	} {
		f, ok := find(s, "profiler-cause-"+kind+"-f."+kind)
		if !ok || f.Priority != priority || f.Type != "profiler" || f.Action != "do this about "+kind ||
			!strings.Contains(f.Evidence[0], "evidence of "+kind) || strings.Contains(f.Title, "slow: ,") {
			t.Errorf("%s: %+v", kind, f)
		}
	}
	if _, ok := find(s, "profiler-cause-io-f.io"); ok {
		t.Error("waiting for a backend is a finding")
	}
}
