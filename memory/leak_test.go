package memory

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// grow feeds a detector for some minutes with one site, a value for each minute.
func grow(d *LeakDetector, kind string, minutes int, value func(minute float64) float64) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range minutes * 6 {
		m := float64(i) / 6
		use := SiteUse{Kind: kind, Site: "main.keep keep.go:3", Stack: []string{"main.keep /src/keep.go:3"}}
		use.Count, use.Bytes = value(m), 2048*value(m)
		d.Observe(LeakSample{Time: start.Add(time.Duration(i) * 10 * time.Second), Kinds: []string{kind}, Sites: []SiteUse{use}})
	}
}

func TestConfidenceRises(t *testing.T) {
	t.Parallel()
	var d LeakDetector
	confidence := func(minutes int) string {
		d = LeakDetector{}
		grow(&d, LeakHeap, minutes, func(m float64) float64 { return 1000 * m })
		if leaks := d.Leaks(); len(leaks) == 1 {
			return leaks[0].Confidence
		}
		return ""
	}
	for minutes, want := range map[int]string{15: "", 20: LeakSuspect, 25: LeakProbable, 45: LeakConfirmed} {
		if got := confidence(minutes); got != want {
			t.Errorf("after %d minutes %q, want %q", minutes, got, want)
		}
	}
	confidence(45)
	l := d.Leaks()[0]
	rate := 1000.0 / 60
	if l.Kind != LeakHeap || l.Site != "main.keep keep.go:3" || len(l.Stack) != 1 ||
		l.GrowthObjectsPerSecond < 0.99*rate || l.GrowthObjectsPerSecond > 1.01*rate ||
		l.GrowthBytesPerSecond < 0.99*rate*2048 || l.GrowthBytesPerSecond > 1.01*rate*2048 {
		t.Errorf("leak %+v, want %.1f objects a second", l, rate)
	}
	if l.FirstSeen.Minute() > 5 || l.LastSeen.Minute() < 44 || l.Objects < 44000 || l.Bytes < 44000*2048 {
		t.Errorf("seen from %v to %v, %d objects", l.FirstSeen, l.LastSeen, l.Objects)
	}
	l.toLimit(100, 100+int64(10*l.GrowthBytesPerSecond))
	if l.SecondsToLimit < 9.9 || l.SecondsToLimit > 10.1 {
		t.Errorf("%v seconds to the limit, want 10", l.SecondsToLimit)
	}
}

func TestGoroutinesLeakByNumber(t *testing.T) {
	t.Parallel()
	var d LeakDetector
	grow(&d, LeakGoroutine, 30, func(m float64) float64 { return 10 + 3*m })
	leaks := d.Leaks()
	if len(leaks) != 1 || leaks[0].Kind != LeakGoroutine || leaks[0].GrowthObjectsPerSecond < 0.045 ||
		leaks[0].GrowthObjectsPerSecond > 0.055 || leaks[0].GrowthBytesPerSecond < 90 {
		t.Errorf("leaks %+v, want 3 goroutines a minute", leaks)
	}
}

func TestLeakThatEndsIsForgotten(t *testing.T) {
	t.Parallel()
	var d LeakDetector
	grow(&d, LeakHeap, 60, func(m float64) float64 { return 1000 * min(m, 25) })
	if leaks := d.Leaks(); len(leaks) != 0 {
		t.Errorf("half an hour after growth ended: %+v", leaks)
	}
}

// What is not looked at in a sample must not be judged again on old figures.
func TestOnlyWhatWasLookedAtIsJudged(t *testing.T) {
	t.Parallel()
	var d LeakDetector
	grow(&d, LeakHeap, 19, func(m float64) float64 { return 1000 * m })
	before := d.Leaks()
	at := time.Date(2026, 1, 1, 0, 20, 0, 0, time.UTC)
	for i := range 100 {
		d.Observe(LeakSample{Time: at.Add(time.Duration(i) * time.Minute), Kinds: []string{LeakGoroutine}})
	}
	if diff := cmp.Diff(before, d.Leaks()); diff != "" {
		t.Errorf("verdict on heap sites changed without news of them: %s", diff)
	}
}

func TestDetectorIsBounded(t *testing.T) {
	t.Parallel()
	var d LeakDetector
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := LeakSample{Time: at, Kinds: []string{LeakHeap}}
	for i := range 3 * maxLeakSites {
		s.Sites = append(s.Sites, SiteUse{Kind: LeakHeap, Site: strings.Repeat("x", 1+i%50) + string(rune(i)), Bytes: float64(1<<20 + i)})
	}
	d.Observe(s)
	if n := len(d.sites); n > maxLeakSites {
		t.Errorf("%d sites kept, want %d at most", n, maxLeakSites)
	}
	for i := range 200 {
		d.Observe(LeakSample{Time: at.Add(time.Duration(i) * time.Minute), Kinds: []string{LeakHeap}})
	}
	if n := len(d.sites); n != 0 {
		t.Errorf("%d sites kept that are long gone", n)
	}
}

// A recording gives the same answer, so that it can be replayed.
func TestSamplesCanBeReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(42, 64<<10)
	var live, replay LeakDetector
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for step := 1; step <= 240; step++ {
		for _, s := range w.sites {
			w.step(s, float64(step)/6)
		}
		sample := w.sample(start.Add(time.Duration(step) * simStep))
		live.Observe(sample)
		text, err := json.Marshal(sample)
		if err != nil {
			t.Fatal(err)
		}
		var again LeakSample
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		replay.Observe(again)
	}
	if diff := cmp.Diff(live.Leaks(), replay.Leaks()); diff != "" || len(live.Leaks()) == 0 {
		t.Errorf("%d leaks; replayed: %s", len(live.Leaks()), diff)
	}
}

//go:noinline
func keepMegabytes(n int) [][]byte {
	kept := make([][]byte, n)
	for i := range kept {
		kept[i] = make([]byte, 1<<20)
	}
	return kept
}

func TestReaderFindsSites(t *testing.T) {
	kept := keepMegabytes(40)
	block := make(chan struct{})
	for range 50 {
		go func() { <-block }()
	}
	var r SiteReader
	runtime.GC()
	runtime.GC() // the profile shows what was in use one collection ago
	s := r.Read(time.Now())
	again := r.Read(time.Now())
	runtime.KeepAlive(kept)
	close(block)
	found := map[string]bool{}
	for _, use := range s.Sites {
		switch {
		case use.Kind == LeakHeap && strings.HasPrefix(use.Site, "github.com/sentientcore/upshift/memory.keepMegabytes leak_test.go:"):
			// The profile samples these at random: 40 MiB give or take 2.5.
			found[use.Kind] = use.Bytes >= 25<<20 && use.Bytes < 55<<20 && use.Count >= 25 && use.Count < 55
		case use.Kind == LeakGoroutine && strings.HasPrefix(use.Site, "github.com/sentientcore/upshift/memory.TestReaderFindsSites.func"):
			found[use.Kind] = use.Count == 50 && use.Bytes > 0
		}
	}
	if !found[LeakHeap] || !found[LeakGoroutine] {
		t.Errorf("found %v among %d sites", found, len(s.Sites))
	}
	if len(again.Kinds) != 0 {
		t.Errorf("a second look without a collection read %v", again.Kinds)
	}
}

func TestScaleMatchesSampling(t *testing.T) {
	t.Parallel()
	bytes, count, grain := scale(512*10, 10, 64<<10)
	if bytes < 655_000 || bytes > 660_000 || count < 1280 || count > 1290 || grain < 65_000 || grain > 66_000 {
		t.Errorf("scale: %v bytes, %v objects, grain %v", bytes, count, grain)
	}
	if b, c, g := scale(100, 2, 1); b != 100 || c != 2 || g != 0 {
		t.Errorf("rate 1 is exact, got %v %v %v", b, c, g)
	}
	if b, c, _ := scale(0, 0, 512); b != 0 || c != 0 {
		t.Errorf("nothing became %v %v", b, c)
	}
}

func TestLibrariesKnowTheirOwn(t *testing.T) {
	t.Parallel()
	local := libraries{root: "/usr/local/go/src/"}
	trimmed := libraries{main: "myapp"}
	for _, tc := range []struct {
		l              libraries
		function, file string
		want           bool
	}{
		{local, "strings.Clone", "/usr/local/go/src/strings/clone.go", true},
		{local, "main.main", "/home/me/main.go", false},
		{trimmed, "strings.Clone", "strings/clone.go", true},
		{trimmed, "encoding/json.(*Decoder).Decode", "encoding/json/stream.go", true},
		{trimmed, "myapp/store.Put", "myapp/store/store.go", false},
		{trimmed, "main.main", "myapp/main.go", false},
		{trimmed, "example.com/x.F", "example.com/x@v1.0.0/f.go", false},
	} {
		if got := tc.l.standard(tc.function, tc.file); got != tc.want {
			t.Errorf("standard(%s, %s) = %v, want %v", tc.function, tc.file, got, tc.want)
		}
	}
	l := newLibraries()
	if !l.standard("strings.Clone", l.root+"strings/clone.go") {
		t.Errorf("own root %q is wrong", l.root)
	}
}

func TestRunSamplesWhileSwitchedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMonitor(t, Config{LeakDetection: true})
		done := make(chan error, 1)
		go func() { done <- m.Run(t.Context()) }()
		time.Sleep(65 * time.Second)
		synctest.Wait()
		s := m.Stats()
		if !s.LeakDetection.Enabled || s.LeakDetection.Samples != 7 || s.LeakDetection.ProfileRateBytes <= 0 {
			t.Errorf("after a minute: %+v", s.LeakDetection)
		}
		if err := m.Apply(Config{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := m.Stats().LeakDetection; s.Enabled || s.Samples != 7 {
			t.Errorf("after it was switched off: %+v", s)
		}
	})
}

func TestTopSites(t *testing.T) {
	kept := keepMegabytes(30)
	runtime.GC()
	runtime.GC()
	top := newMonitor(t, Config{}).Stats().TopSites
	runtime.KeepAlive(kept)
	if len(top) == 0 || len(top) > topSites || !strings.Contains(top[0].Site, "keepMegabytes") ||
		top[0].Bytes < 15<<20 || top[0].Ratio <= 0.3 || top[0].Ratio > 1 {
		t.Errorf("top sites %+v", top)
	}
}

const stuckText = `goroutineleak profile: total 4
3 @ 0x47e08e 0x4158ee 0x484581
#	0x47e08d	runtime.gopark+0xd	/usr/local/go/src/runtime/proc.go:462
#	0x4da7f8	main.leak.func1+0x18	/tmp/my app/main.go:3

1 @ 0x47e08e
#	0x47e08d	main.other+0x1	/tmp/other.go:9
`

func TestProofs(t *testing.T) {
	t.Parallel()
	groups, err := parseStuck(stuckText)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	before := []Leak{{Kind: LeakGoroutine, Site: "main.leak.func1 main.go:3", Objects: 1, FirstSeen: at, LastSeen: at}}
	got := proofs(groups, before, at.Add(10*time.Second))
	if len(got) != 2 || got[0].Site != "main.leak.func1 main.go:3" || got[0].Objects != 3 || got[0].Confidence != LeakConfirmed ||
		got[0].GrowthObjectsPerSecond != 0.2 || !got[0].FirstSeen.Equal(at) || got[1].Objects != 1 ||
		len(got[0].Stack) != 1 || got[0].Stack[0] != "main.leak.func1 /tmp/my app/main.go:3" {
		t.Errorf("proofs %+v", got)
	}
	for _, bad := range []string{"", "heap profile: 1", "goroutineleak profile: total 1\nx @ 0x1\n", "goroutineleak profile:\n1 @ 0x1\n# 0x1 f g\n"} {
		if _, err := parseStuck(bad); err == nil {
			t.Errorf("parseStuck took %q", bad)
		}
	}
}

func FuzzParseStuck(f *testing.F) {
	f.Add(stuckText)
	f.Add("goroutineleak profile: total 0\n")
	f.Add("goroutineleak profile: total 1\n1 @ 0x1\n#\t0x1\t+\t:\n")
	f.Fuzz(func(t *testing.T, text string) {
		groups, err := parseStuck(text)
		if err != nil {
			return
		}
		for _, l := range proofs(groups, nil, time.Unix(0, 0)) {
			if l.Objects < 0 || l.Stack == nil {
				t.Errorf("leak %+v of %q", l, text)
			}
		}
	})
}
