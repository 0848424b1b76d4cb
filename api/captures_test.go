package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/profiler/capture"
)

// realCaptures is a recorder that runs until the test ends.
func realCaptures(tb testing.TB) *capture.Recorder {
	tb.Helper()
	r, err := capture.Open(tb.TempDir(), capture.Config{Manual: true}, capture.Signals{})
	must(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		must(tb, <-done)
		must(tb, r.Close())
	})
	return r
}

// awaitDone polls the list until the capture is done.
func awaitDone(t *testing.T, k *kit, id string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		list := dataOf[[]capture.Capture](t, k.ask(Viewer, "GET", base+"/profiler/captures", ""))
		for _, c := range list {
			if c.ID == id && c.State == capture.Done {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("capture %s was never done: %+v", id, list)
		}
	}
}

func TestCaptureJourney(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{Captures: realCaptures(t)}).run()
	if w := k.ask(Viewer, "POST", base+"/profiler/captures", `{"kind":"goroutine"}`); w.Code != http.StatusForbidden {
		t.Errorf("a viewer captures: %d", w.Code)
	}
	w := k.ask(Operator, "POST", base+"/profiler/captures", `{"kind":"goroutine"}`)
	c := dataOf[capture.Started](t, w)
	checkDocumented(t, k, "POST", base+"/profiler/captures", w)
	awaitDone(t, k, c.ID)
	at := base + "/profiler/captures/" + c.ID

	file := k.ask(Viewer, "GET", at, "")
	p, err := capture.Parse(file.Body.Bytes())
	if err != nil || len(p.Sample) == 0 || file.Header().Get("Content-Disposition") != `attachment; filename="`+c.ID+`.pb.gz"` {
		t.Errorf("file: %v, headers %v", err, file.Header())
	}
	flame := k.ask(Viewer, "GET", at+"/flamegraph?max_nodes=5", "")
	if g := dataOf[capture.Flamegraph](t, flame); g.Sample != "goroutine" || len(g.Nodes) == 0 || len(g.Nodes) > 5 || g.Total < 2 {
		t.Errorf("flame graph %+v", g)
	}
	checkDocumented(t, k, "GET", base+"/profiler/captures/{id}/flamegraph", flame)
	top := k.ask(Viewer, "GET", at+"/top?limit=2", "")
	if v := dataOf[capture.Top](t, top); len(v.Functions) != 2 || v.Functions[0].Flat == 0 {
		t.Errorf("top %+v", v)
	}
	checkDocumented(t, k, "GET", base+"/profiler/captures/{id}/top", top)
	diff := k.ask(Viewer, "GET", at+"/diff?base="+c.ID, "")
	if d := dataOf[capture.Diff](t, diff); d.Measure != "value" || d.Verdict == capture.Different {
		t.Errorf("a capture differs from itself: %+v", d)
	}
	checkDocumented(t, k, "GET", base+"/profiler/captures/{id}/diff", diff)

	if p := problemOf(t, k.ask(Viewer, "GET", at+"/top?sample=cpu", "")); p.Status != 400 || !strings.HasPrefix(p.Detail, "query.sample: must be one of goroutine") {
		t.Errorf("problem %+v", p)
	}
	if s := dataOf[ProfilerSummary](t, k.ask(Viewer, "GET", base+"/profiler/summary", "")).Captures; !s.Enabled || s.Kept != 1 {
		t.Errorf("summary %+v", s)
	}
	if w := k.ask(Operator, "DELETE", at, ""); w.Code != http.StatusOK {
		t.Errorf("remove: %d %s", w.Code, w.Body)
	}
	if w := k.ask(Viewer, "GET", at, ""); w.Code != http.StatusNotFound {
		t.Errorf("removed and still there: %d", w.Code)
	}
}

func TestTraceHasNoFlamegraph(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{Captures: realCaptures(t)}).run()
	c := dataOf[capture.Started](t, k.ask(Operator, "POST", base+"/profiler/captures", `{"kind":"trace","seconds":1}`))
	at := base + "/profiler/captures/" + c.ID
	if p := problemOf(t, k.ask(Viewer, "GET", at, "")); p.Status != http.StatusConflict || !strings.Contains(p.Detail, "has not ended") {
		t.Errorf("before its end: %+v", p)
	}
	joined := dataOf[capture.Started](t, k.ask(Operator, "POST", base+"/profiler/captures", `{"kind":"trace","seconds":1}`))
	if !joined.Joined || joined.ID != c.ID {
		t.Errorf("not joined: %+v", joined)
	}
	awaitDone(t, k, c.ID)
	p := problemOf(t, k.ask(Viewer, "GET", at+"/flamegraph", ""))
	if p.Status != http.StatusConflict || !strings.Contains(p.Detail, "go tool trace") {
		t.Errorf("problem %+v", p)
	}
}
