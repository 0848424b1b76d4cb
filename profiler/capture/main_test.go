package capture

import (
	"context"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// open is a recorder on a directory of the test's own that runs until the test ends.
func open(tb testing.TB, cfg Config) *Recorder {
	tb.Helper()
	r, err := Open(tb.TempDir(), cfg, Signals{})
	must(tb, err)
	run(tb, r)
	return r
}

func run(tb testing.TB, r *Recorder) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		must(tb, <-done)
		must(tb, r.Close())
	})
}

func start(tb testing.TB, r *Recorder, req Request) Started {
	tb.Helper()
	s, err := r.Start(req)
	must(tb, err)
	return s
}

// await polls until the capture has ended.
func await(tb testing.TB, r *Recorder, id string) Capture {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		for _, c := range r.Captures() {
			if c.ID == id && c.ended() {
				return c
			}
		}
		if time.Now().After(deadline) {
			tb.Fatalf("capture %s never ended: %+v", id, r.Captures())
		}
	}
}

// made is a profile with one value "samples" of 10 a sample, from stacks written root first.
func made(stacks map[string]int64) *profile.Profile {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 10,
	}
	at := map[rune]*profile.Location{}
	for _, text := range sortedKeys(stacks) {
		s := &profile.Sample{Value: []int64{stacks[text], 10 * stacks[text]}}
		for _, name := range text {
			if at[name] == nil {
				id := uint64(len(at) + 1)
				f := &profile.Function{ID: id, Name: string(name), Filename: string(name) + ".go"}
				at[name] = &profile.Location{ID: id, Line: []profile.Line{{Function: f, Line: 1}}}
				p.Function, p.Location = append(p.Function, f), append(p.Location, at[name])
			}
			s.Location = append([]*profile.Location{at[name]}, s.Location...)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}
