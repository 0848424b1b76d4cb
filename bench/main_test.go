package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
	"github.com/sentientcore/upshift/bench/role"
)

// TestMain lets the test program play the roles, as the built one does.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == roleArg {
		os.Exit(asRole(context.Background(), os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestUsageFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"unknown bar", []string{"gateway", "nothing"}, `there is no bar "nothing"`, exitUsage},
		{"no rounds", []string{"-rounds", "0"}, "-rounds must be between 1 and 100", exitUsage},
		{"unknown flag", []string{"-nothing"}, "flag provided but not defined", exitUsage},
		{"no program", []string{"-upshift", "/no/such/program", "idle"}, "make build", exitFault},
		{"help", []string{"-h"}, "usage: bench", exitFine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &errs); code != tt.code {
				t.Errorf("code %d, want %d", code, tt.code)
			}
			if !strings.Contains(errs.String(), tt.want) {
				t.Errorf("got %q, want %q in it", errs.String(), tt.want)
			}
		})
	}
}

func TestRunReportsWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	program := filepath.Join(root, "upshift")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho broken\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"-root", root, "-upshift", program, "start"}, &out, &errs)
	if code != exitFault || !strings.Contains(out.String(), "MISS") || !strings.Contains(out.String(), "broken") {
		t.Errorf("code %d: %s%s", code, out.String(), errs.String())
	}
	written, err := filepath.Glob(filepath.Join(root, "bench", "out", "*.json"))
	if err != nil || len(written) != 1 {
		t.Errorf("written: %v, %v", written, err)
	}
}

// testRig starts roles from the test program itself.
func testRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{Set: proc.NewSet(), self: os.Args[0], dir: t.TempDir(), report: newReport(&bytes.Buffer{}, Facts{})}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRolesAnswerInProcessesOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := testRig(t)
	direct, err := r.backend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, bare, err := r.bare(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	if p.PID() == os.Getpid() {
		t.Error("the proxy is this process")
	}
	for _, target := range []load.Target{direct, bare} {
		resp, err := http.Get("http://" + target.Addr + "/item")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %s", target.Name, resp.Status)
		}
	}
}

func TestRivalsAnswer(t *testing.T) {
	t.Parallel()
	for name, config := range rivals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := testRig(t)
			direct, err := r.backend(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c, err := r.rival(t.Context(), name, direct, config)
			if errors.Is(err, os.ErrNotExist) || strings.Contains(fmt.Sprint(err), "not found") {
				t.Skipf("%s is not installed: this rival is optional", name)
			}
			if err != nil {
				t.Fatal(err)
			}
			o, err := load.Streams(t.Context(), c.Target, load.StreamPlan{Path: "/stream?n=3", Readers: 1, Each: 2, Tokens: 3})
			if err != nil || len(o.FirstByte) != 2 {
				t.Errorf("%d streams, %v", len(o.FirstByte), err)
			}
		})
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	k := known{now: time.Unix(7200, 0), function: "GET /a b", job: "j1", database: true}
	for _, tt := range []struct {
		name, method, route string
		path, why           string
		body                bool
	}{
		{"plain", "GET", base + "/status", base + "/status", "", false},
		{"function", "GET", base + "/profiler/functions/{name}", base + "/profiler/functions/GET%20%2Fa%20b", "", false},
		{"job", "GET", base + "/jobs/{id}", base + "/jobs/j1", "", false},
		{"label", "GET", "/api/v1/label/{name}/values", "/api/v1/label/__name__/values", "", false},
		{"query", "GET", "/api/v1/query", "/api/v1/query?query=up", "", false},
		{"form", "POST", "/api/v1/query", "/api/v1/query", "", true},
		{"harmless", "POST", base + "/memory/gc", base + "/memory/gc", "", false},
		{"analysis", "POST", base + "/database/analyze", base + "/database/analyze", "", true},
		{"changes", "POST", base + "/cache/clear", "", "changes something", false},
		{"removes", "DELETE", base + "/profiler/functions", "", "changes something", false},
		{"unknown parameter", "GET", base + "/things/{id}", "", "its parameter is not known", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q, why := k.question(tt.method, tt.route)
			if why != tt.why || tt.why == "" && q.path != tt.path || (q.body != nil) != tt.body {
				t.Errorf("got %q, body %v, left out because %q; want %q, body %t, %q", q.path, q.body, why, tt.path, tt.body, tt.why)
			}
		})
	}
	if q, _ := k.question("GET", base+"/events"); !q.stream {
		t.Error("/events is asked to its end")
	}
	if _, why := (known{}).question("POST", base+"/database/analyze"); why != "no database" {
		t.Errorf("without a database: %q", why)
	}
}

func TestMediansOverRounds(t *testing.T) {
	t.Parallel()
	outcome := func(ms ...int) load.Outcome {
		var o load.Outcome
		for _, m := range ms {
			o.Latencies = append(o.Latencies, time.Duration(m)*time.Millisecond)
		}
		return o
	}
	direct := openRun{rounds: []load.Outcome{outcome(1, 2), outcome(1, 20), outcome(1, 3)}}
	proxy := openRun{rounds: []load.Outcome{outcome(2, 4), outcome(2, 21), outcome(2, 8)}}
	if got := proxy.differences(direct, 1); !slices.Equal(got, []float64{2, 1, 5}) {
		t.Errorf("differences %v, want 2 1 5", got)
	}
	if got := proxy.added(direct, 1); got != 2 {
		t.Errorf("added %v, want 2: the median of the differences, not the difference of the medians", got)
	}
	if got := proxy.quantile(1); got != 8*time.Millisecond {
		t.Errorf("quantile %v, want 8 ms", got)
	}
}

func TestRunsOfALateGeneratorAreNoisy(t *testing.T) {
	t.Parallel()
	run := func(lag time.Duration) openRun {
		return openRun{rounds: []load.Outcome{{Lag: load.Sample{0, lag}}, {Lag: load.Sample{lagMost / 2}}, {Lag: load.Sample{0, lag}}}}
	}
	if noisy([]openRun{run(0), run(lagMost)}) {
		t.Error("a generator within its bound is noisy")
	}
	if !noisy([]openRun{run(0), run(lagMost + 1)}) {
		t.Error("a late generator is not noisy")
	}
}

func TestClientsCount(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	c := newClients("127.0.0.1:1")
	c.count(nil)
	c.count(refused) // nobody has asked the server to end
	c.signal()
	c.count(refused)
	c.count(syscall.ECONNRESET)
	if d := c.tally(); d.answered != 1 || d.refused != 1 || d.failed != 2 {
		t.Errorf("answered %d, refused %d, failed %d; want 1, 1, 2", d.answered, d.refused, d.failed)
	}
}

func TestClientsJudgeStreams(t *testing.T) {
	t.Parallel()
	c := newClients("127.0.0.1:1")
	c.judge(true, true, nil)                    // all its events
	c.judge(false, true, nil)                   // it should have had more
	c.judge(false, false, errors.New("cut"))    // before the signal
	c.signaled = time.Now().Add(-termDrain / 2) // within the drain
	c.judge(false, false, errors.New("cut"))
	c.signaled = time.Now().Add(-termDrain) // at the deadline
	c.judge(false, false, errors.New("cut"))
	c.judge(false, true, errors.New("cut")) // it had time to end
	if d := c.tally(); d.clean != 1 || d.cut != 1 || d.bad != 4 {
		t.Errorf("clean %d, cut %d, bad %d; want 1, 1, 4", d.clean, d.cut, d.bad)
	}
}

// samplesServer shows one series with the given values.
func samplesServer(t *testing.T, values ...string) *product {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.FormValue("query") != ledger {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"b":"2","a":"1"},"values":[%s]}]}}`,
			strings.Join(values, ","))
	}))
	t.Cleanup(s.Close)
	return &product{api: s.Listener.Addr().String(), token: "secret", client: s.Client()}
}

func TestMissingSamples(t *testing.T) {
	t.Parallel()
	known := samples{}
	before := samplesServer(t, `[1.5,"10"]`, `[2.5,"20"]`, `[3.5,"30"]`)
	if err := before.acknowledged(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	if known.count() != 3 {
		t.Fatalf("%d samples, want 3", known.count())
	}
	for _, tt := range []struct {
		name  string
		after []string
		want  int
	}{
		{"all there, and more", []string{`[1.5,"10"]`, `[2.5,"20"]`, `[3.5,"30"]`, `[4.5,"1"]`}, 0},
		{"one lost", []string{`[1.5,"10"]`, `[3.5,"30"]`}, 1},
		{"one changed", []string{`[1.5,"10"]`, `[2.5,"21"]`, `[3.5,"30"]`}, 1},
		{"none", nil, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := samplesServer(t, tt.after...).missing(t.Context(), known)
			if err != nil || got != tt.want {
				t.Errorf("got %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}

func TestCallSendsJSONAndForms(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fault" {
			http.Error(w, "no such thing", http.StatusNotFound)
			return
		}
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		fmt.Fprintf(w, "%s %s", r.Header.Get("Content-Type"), body)
	}))
	t.Cleanup(s.Close)
	p := &product{api: s.Listener.Addr().String(), client: s.Client()}
	got, err := p.call(t.Context(), http.MethodPost, "/", map[string]any{"a": 1})
	if want := `application/json {"a":1}`; string(got) != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	got, err = p.call(t.Context(), http.MethodPost, "/", known{}.acts()["/api/v1/query"])
	if want := "application/x-www-form-urlencoded query=up"; string(got) != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	_, err = p.call(t.Context(), http.MethodGet, "/fault", nil)
	if status := (*statusError)(nil); !errors.As(err, &status) || status.code != http.StatusNotFound {
		t.Errorf("got %v, want a status of 404", err)
	}
}

func TestAskCountsByRoute(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	p := &product{api: s.Listener.Addr().String(), client: s.Client()}
	answers, err := p.ask(t.Context(), []question{
		{route: "good", method: http.MethodGet, path: "/good"}, {route: "bad", method: http.MethodGet, path: "/bad"},
	}, 4*time.Second/apiRate)
	if err != nil || len(answers) != 2 {
		t.Fatalf("%d routes, %v", len(answers), err)
	}
	good := answers[0]
	bad := answers[1]
	if len(good.latencies) != 2 || good.failed != 0 || len(bad.latencies) != 0 || bad.failed != 2 {
		t.Errorf("good: %d and %d failed; bad: %d and %d failed", len(good.latencies), good.failed, len(bad.latencies), bad.failed)
	}
}

func TestTimesAreFoundInWhatTheTestPrints(t *testing.T) {
	t.Parallel()
	text := "ok 1\nCPU 1x slower, median of 5 loads: first paint 61 ms, figures and controls 87 ms, charts 120 ms, 70 KB\n" +
		"CPU 4x slower, median of 5 loads: first paint 261 ms, figures and controls 287 ms, charts 320 ms, 70 KB\n"
	for slowdown, want := range map[int]float64{1: 87, 4: 287} {
		if got, err := usable(text, slowdown); got != want || err != nil {
			t.Errorf("slowed down by %d: got %v, %v; want %v", slowdown, got, err, want)
		}
	}
	if _, err := usable("ok 1\n", 1); err == nil {
		t.Error("a text without times has one")
	}
}

func TestStreamsOfTheBackendAreThoseThatTermWaitsFor(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(role.Backend())
	t.Cleanup(s.Close)
	resp, err := http.Get(s.URL + strings.ReplaceAll(finitePath, "us=50000", "us=1"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := load.Events(t.Context(), resp.Body); got != finiteEvents || err != nil {
		t.Errorf("%d events, %v; want %d", got, err, finiteEvents)
	}
}
