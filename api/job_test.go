package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func newTestJobs() *jobs {
	logger := slog.New(slog.DiscardHandler)
	return newJobs(newHub(1, logger), logger)
}

func ignore(Job) {}

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newTestJobs()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); j.run(ctx) }()

		var ended Job
		good, err := j.start("good", func(_ context.Context, progress func(float64)) (any, error) {
			progress(0.5)
			progress(7) // nonsense is not shown
			time.Sleep(time.Second)
			return "result", nil
		}, func(job Job) { ended = job })
		must(t, err)
		bad, err := j.start("bad", func(context.Context, func(float64)) (any, error) { return nil, errors.New("no luck") }, ignore)
		must(t, err)
		mad, err := j.start("mad", func(context.Context, func(float64)) (any, error) { panic("oh") }, ignore)
		must(t, err)
		synctest.Wait()
		if s := good.state(); s.State != JobRunning || s.Progress != 0.5 || s.Started.IsZero() {
			t.Errorf("under way: %+v", s)
		}
		if s := bad.state(); s.State != JobQueued {
			t.Errorf("two jobs at once: %+v", s)
		}
		if s := good.wait(ctx, 0); s.State != JobRunning {
			t.Errorf("waiting for no time: %+v", s)
		}
		if s := good.wait(ctx, time.Minute); s.State != JobSucceeded || s.Progress != 1 || s.Result != "result" || ended.ID != s.ID {
			t.Errorf("good: %+v, told %+v", s, ended)
		}
		if s := bad.wait(ctx, time.Minute); s.State != JobFailed || s.Error != "no luck" {
			t.Errorf("bad: %+v", s)
		}
		if s := mad.wait(ctx, time.Minute); s.State != JobFailed || s.Error == "" {
			t.Errorf("mad: %+v", s)
		}
		if s, ok := j.find(good.state().ID); !ok || s.State != JobSucceeded {
			t.Errorf("found %+v %v", s, ok)
		}
		if _, ok := j.find("none"); ok {
			t.Error("found a job that there is not")
		}
		cancel()
		<-done
	})
}

func TestJobsEndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newTestJobs()
		ctx, cancel := context.WithCancel(t.Context())
		running, err := j.start("running", func(ctx context.Context, _ func(float64)) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, ignore)
		must(t, err)
		waiting, err := j.start("waiting", nil, ignore)
		must(t, err)
		done := make(chan struct{})
		go func() { defer close(done); j.run(ctx) }()
		synctest.Wait()
		cancel()
		<-done
		for _, r := range []*runningJob{running, waiting} {
			if s := r.state(); s.State != JobFailed || s.Error == "" || s.Finished.IsZero() {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestJobsAreBounded(t *testing.T) {
	t.Parallel()
	j := newTestJobs()
	for range maxQueuedJobs {
		_, err := j.start("x", nil, ignore)
		must(t, err)
	}
	if _, err := j.start("x", nil, ignore); err == nil {
		t.Error("one too many was taken")
	}
}

// asyncKit has one route that runs a job, as the database's do.
func asyncKit(t *testing.T, do work) *kit {
	t.Helper()
	k := newKit(t, Parts{})
	b := newBinder("test", k.guard)
	table := []Route{onLater[preferInput, string](post("/work"), Operator, "Work",
		func(ctx context.Context, in *preferInput) (*later, error) { return k.async(ctx, "work", in.Prefer, do) })}
	must(t, b.bindAll(append(table, k.tableOfSystem()...)))
	_, err := b.finish()
	must(t, err)
	k.mux, k.openapi = b.mux, b.api.OpenAPI()
	return k
}

func TestAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took atomic.Int64
		var fail atomic.Bool
		took.Store(int64(time.Second))
		k := asyncKit(t, func(context.Context, func(float64)) (any, error) {
			time.Sleep(time.Duration(took.Load()))
			if fail.Load() {
				return nil, errors.New("the table is locked")
			}
			return "done", nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()

		check := func(w *httptest.ResponseRecorder, want int) {
			t.Helper()
			if w.Code != want {
				t.Fatalf("%d %s, want %d", w.Code, w.Body, want)
			}
			checkDocumented(t, k, "POST", base+"/work", w)
		}
		w := k.ask(Operator, "POST", base+"/work", "")
		check(w, 200)
		if got := dataOf[string](t, w); got != "done" {
			t.Errorf("result %q", got)
		}
		w = k.ask(Operator, "POST", base+"/work", "", withHeader("Prefer", "wait=5, Respond-Async"))
		check(w, 202)
		job := dataOf[Job](t, w)
		if w.Header().Get("Location") != base+"/jobs/"+job.ID || w.Header().Get("Preference-Applied") != "respond-async" {
			t.Errorf("headers %v", w.Header())
		}
		time.Sleep(2 * time.Second)
		if job = dataOf[Job](t, k.ask(Viewer, "GET", base+"/jobs/"+job.ID, "")); job.State != JobSucceeded || job.Result != "done" {
			t.Errorf("job %+v", job)
		}
		took.Store(int64(2 * patience)) // too long to wait for
		check(k.ask(Operator, "POST", base+"/work", ""), 202)
		time.Sleep(2 * patience)
		took.Store(0)
		fail.Store(true)
		if p := problemOf(t, k.ask(Operator, "POST", base+"/work", "")); p.Status != 502 || p.Detail != "the table is locked" {
			t.Errorf("failed: %+v", p)
		}
		records, err := k.audit.recent(1)
		must(t, err)
		if len(records) != 1 || records[0].Phase != PhaseResult {
			t.Errorf("audit: %+v", records)
		}
		cancel()
		must(t, <-ended)
	})
}
