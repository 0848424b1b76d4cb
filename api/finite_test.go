package api

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/sentientcore/upshift/advisor"
	"github.com/sentientcore/upshift/memory"
)

type nested struct {
	F       float64
	P       *float64
	S       []float64
	A       [2]float32
	M       map[string]any
	I       any
	T       time.Time
	N       *nested
	Nil     []int
	private float64
}

func TestMarshalFinite(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	v := &nested{
		F: nan, P: &nan, S: []float64{1, math.Inf(1)}, A: [2]float32{float32(math.Inf(-1)), 2},
		M: map[string]any{"a": nan, "b": []any{nan, "x"}}, I: nested{F: 3, P: &nan}, T: now, N: &nested{F: nan}, private: nan,
	}
	got, err := marshalFinite(v)
	must(t, err)
	zero := 0.0
	want, err := json.Marshal(&nested{
		P: &zero, S: []float64{1, 0}, A: [2]float32{0, 2}, M: map[string]any{"a": 0.0, "b": []any{0.0, "x"}},
		I: nested{F: 3, P: &zero}, T: now, N: &nested{},
	})
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !math.IsNaN(v.F) || !math.IsNaN(v.S[1]*0) {
		t.Error("the value itself was changed")
	}
	if _, err := marshalFinite(make(chan int)); err == nil {
		t.Error("a channel is no JSON")
	}
}

// TestEveryNumberIsFinite feeds figures that no part should have.
func TestEveryNumberIsFinite(t *testing.T) {
	bad := math.Inf(1)
	k := newKit(t, Parts{Snapshot: func() advisor.Snapshot {
		return advisor.Snapshot{
			Memory: &memory.Stats{System: memory.System{UsedPercent: math.NaN()}, UsedRatio: bad},
			Loops:  []advisor.Loop{{Name: "x", EverySeconds: bad, TookSeconds: math.NaN()}},
		}
	}})
	for _, path := range []string{"/status", "/health", "/recommendations"} {
		w := k.ask(Viewer, "GET", base+path, "")
		if w.Code != 200 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		checkDocumented(t, k, "GET", base+path, w)
	}
	b := newBinder("test", k.guard)
	must(t, b.bindAll([]Route{on(get("/bad"), Open, "Bad", func(context.Context, *none) (*answer[map[string]float64], error) {
		return ok(map[string]float64{"x": math.NaN(), "y": bad, "z": 1})
	})}))
	k.mux = b.mux
	if got := dataOf[map[string]float64](t, k.ask(0, "GET", base+"/bad", "")); got["x"] != 0 || got["y"] != 0 || got["z"] != 1 {
		t.Errorf("%v", got)
	}
}
