package advisor

import (
	"slices"
	"strings"
	"testing"

	"github.com/sentientcore/upshift/memory"
)

func find(s Snapshot, id string) (Finding, bool) {
	found := Findings(s)
	at := slices.IndexFunc(found, func(f Finding) bool { return f.ID == id })
	if at < 0 {
		return Finding{}, false
	}
	return found[at], true
}

func TestLeaksAreAsUrgentAsTheyAreSure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		leak memory.Leak
		want string
	}{
		"suspect":              {memory.Leak{Confidence: memory.LeakSuspect}, "medium"},
		"suspect, limit near":  {memory.Leak{Confidence: memory.LeakSuspect, SecondsToLimit: 60}, "medium"},
		"probable":             {memory.Leak{Confidence: memory.LeakProbable}, "high"},
		"probable, limit near": {memory.Leak{Confidence: memory.LeakProbable, SecondsToLimit: 3600}, "critical"},
		"confirmed":            {memory.Leak{Confidence: memory.LeakConfirmed}, "critical"},
	} {
		tc.leak.Site, tc.leak.GrowthBytesPerSecond, tc.leak.GrowthMarginBytesPerSecond = "main.keep keep.go:3", 1000, 50
		f, ok := find(Snapshot{Memory: &memory.Stats{Leaks: []memory.Leak{tc.leak}}}, "memory-leaks")
		if !ok || f.Priority != tc.want || !strings.Contains(f.Evidence[0], "main.keep keep.go:3") || !strings.Contains(f.Evidence[0], "1000 bytes/s ± 50") {
			t.Errorf("%s: %+v, want %s", name, f, tc.want)
		}
		if near := tc.leak.SecondsToLimit > 0; near != strings.Contains(f.Evidence[0], "reaches the limit in") {
			t.Errorf("%s: %q", name, f.Evidence)
		}
	}
}

func TestHighMemorySaysWhatItIs(t *testing.T) {
	t.Parallel()
	f, ok := find(Snapshot{Memory: &memory.Stats{
		System: memory.System{UsedPercent: 95}, RSS: memory.RSS{Reason: "9 MiB of 10 MiB are live objects"},
		TopSites: []memory.Site{{Site: "main.keep keep.go:3", Bytes: 8 << 20}},
	}}, "memory-high-usage")
	text := strings.Join(f.Evidence, "\n")
	if !ok || !strings.Contains(text, "live objects") || !strings.Contains(text, "main.keep keep.go:3 keeps 8.0 MiB") {
		t.Errorf("%v %q", ok, text)
	}
}

func TestLiveMemoryNearTheLimit(t *testing.T) {
	t.Parallel()
	alarm := "live heap is 400.0 MiB, 90 % of what the limit leaves it"
	for state, want := range map[string]string{memory.TunerNear: "high", memory.TunerFull: "critical"} {
		f, ok := find(Snapshot{Memory: &memory.Stats{Tuner: memory.TunerStats{State: state, Alarm: alarm}}}, "memory-live-near-limit")
		if !ok || f.Priority != want || f.Evidence[0] != alarm {
			t.Errorf("%s: %+v", state, f)
		}
	}
	if _, ok := find(Snapshot{Memory: &memory.Stats{Tuner: memory.TunerStats{State: memory.TunerFar}}}, "memory-live-near-limit"); ok {
		t.Error("nothing is near")
	}
}

func TestTasksThatWaitForMemory(t *testing.T) {
	t.Parallel()
	with := func(share float64) Snapshot {
		return Snapshot{Memory: &memory.Stats{Pressure: memory.Pressure{Source: "cgroup", Some60: share, Full60: 2}}}
	}
	f, ok := find(with(25), "memory-pressure")
	if !ok || !strings.Contains(f.Evidence[0], "some 25.0 %, all 2.0 %") {
		t.Errorf("%+v", f)
	}
	if _, ok := find(with(5), "memory-pressure"); ok {
		t.Error("5 % is not worth a word")
	}
}
