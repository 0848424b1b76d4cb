package capture

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

func TestFlamegraphFoldsStacks(t *testing.T) {
	t.Parallel()
	p := made(map[string]int64{"ab": 3, "abc": 2, "abb": 1, "d": 4})
	got, err := NewFlamegraph(p, "", 0)
	must(t, err)
	want := Flamegraph{
		Sample: "cpu", Unit: "nanoseconds", Samples: []string{"samples", "cpu"}, Total: 100,
		Nodes: []Node{
			{"all", -1, 100, 0},
			{"a", 0, 60, 0},
			{"b", 1, 60, 30},
			{"c", 2, 20, 20},
			{"b", 2, 10, 10},
			{"d", 0, 40, 40},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	got, err = NewFlamegraph(p, "samples", 4)
	must(t, err)
	if got.Total != 10 || len(got.Nodes) != 4 || got.Pruned != 2 {
		t.Errorf("pruned to %+v", got)
	}
	if _, err := NewFlamegraph(p, "sample", 0); err == nil || err.Error() != `capture: sample: must be one of samples, cpu (got "sample")` {
		t.Errorf("unknown sample: %v", err)
	}
}

func TestInlinedCallsAreFrames(t *testing.T) {
	t.Parallel()
	p := made(map[string]int64{"ab": 1})
	leaf := p.Sample[0].Location[0]
	leaf.Line = append([]profile.Line{{Function: &profile.Function{ID: 9, Name: "inlined"}}}, leaf.Line...)
	g, err := NewFlamegraph(p, "", 0)
	must(t, err)
	if n := g.Nodes[len(g.Nodes)-1]; n.Name != "inlined" || g.Nodes[n.Parent].Name != "b" {
		t.Errorf("nodes %+v", g.Nodes)
	}
}

func TestTop(t *testing.T) {
	t.Parallel()
	got, err := NewTop(made(map[string]int64{"ab": 3, "aba": 2, "d": 5}), "samples", 2)
	must(t, err)
	want := Top{Sample: "samples", Unit: "count", Total: 10, Left: 1, Functions: []TopFunction{
		{"d", "d.go", 5, 0.5, 5, 0.5}, {"b", "b.go", 3, 0.3, 5, 0.5},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDiffVerdicts(t *testing.T) {
	t.Parallel()
	verdicts := func(base, now map[string]int64) (string, map[string]string) {
		d, err := Compare(made(base), made(now), "", 0)
		must(t, err)
		by := map[string]string{}
		for _, f := range d.Functions {
			by[f.Name] = f.Verdict
		}
		return d.Verdict, by
	}
	tests := []struct {
		name      string
		base, now map[string]int64
		want      string
		a         string
	}{
		{"grew", map[string]int64{"a": 200, "b": 1800}, map[string]int64{"a": 400, "b": 1600}, Different, Grew},
		{"shrank", map[string]int64{"a": 400, "b": 1600}, map[string]int64{"a": 200, "b": 1800}, Different, Shrank},
		{"new", map[string]int64{"b": 1800}, map[string]int64{"a": 400, "b": 1600}, Different, Grew},
		{"by chance", map[string]int64{"a": 200, "b": 1800}, map[string]int64{"a": 215, "b": 1785}, Same, Same},
		{"more load", map[string]int64{"a": 200, "b": 1800}, map[string]int64{"a": 400, "b": 3600}, Same, Same},
		{"too few", map[string]int64{"a": 9, "b": 90}, map[string]int64{"a": 90, "b": 9}, TooFew, TooFew},
		{"one function", map[string]int64{"a": 500}, map[string]int64{"a": 700}, Same, Same},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, by := verdicts(tt.base, tt.now); got != tt.want || by["a"] != tt.a {
				t.Errorf("verdict %q and of a %q, want %q and %q", got, by["a"], tt.want, tt.a)
			}
		})
	}
	other := made(map[string]int64{"a": 1})
	other.SampleType[1].Type = "inuse_space"
	if _, err := Compare(other, made(map[string]int64{"a": 1}), "", 0); err == nil || !strings.Contains(err.Error(), "base: must be a capture of the same kind") {
		t.Errorf("two kinds compared: %v", err)
	}
}

// Pairs of captures of one truth, 200 functions of uneven weight, then the same with one function at
// 8 % of the time instead of 3 %. The seed is fixed.
func TestDiffAgainstSimulatedTruth(t *testing.T) {
	t.Parallel()
	const functions, samples, pairs = 200, 3000, 100
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(boost float64) *profile.Profile {
		sum := 0.0
		weight := func(i int) float64 {
			if i == 3 {
				return boost / 5
			}
			return 1 / float64(i+1)
		}
		for i := range functions {
			sum += weight(i)
		}
		stacks := map[string]int64{}
		for range samples {
			at, i := rng.Float64()*sum, 0
			for ; i < functions-1 && at >= weight(i); i++ {
				at -= weight(i)
			}
			stacks[string(rune('A'+i))]++
		}
		return made(stacks)
	}
	wrong, found := 0, 0
	for range pairs {
		d, err := Compare(draw(1), draw(1), "", 0)
		must(t, err)
		for _, f := range d.Functions {
			if f.Verdict != Same {
				wrong++
			}
		}
		d, err = Compare(draw(1), draw(2.5), "", 0)
		must(t, err)
		for _, f := range d.Functions {
			if f.Name == string(rune('A'+3)) && f.Verdict == Grew {
				found++
			}
		}
	}
	t.Logf("false: %d of %d functions; found %d of %d", wrong, pairs*functions, found, pairs)
	if wrong > pairs*functions/1000 || found < pairs*95/100 {
		t.Errorf("false: %d of %d functions; found %d of %d", wrong, pairs*functions, found, pairs)
	}
}

func TestHeapSamplesAreCountedBack(t *testing.T) {
	t.Parallel()
	p := made(map[string]int64{"a": 1})
	p.SampleType = []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}
	p.PeriodType, p.Period = &profile.ValueType{Type: "space", Unit: "bytes"}, 512<<10
	p.Sample[0].Value = []int64{1 << 20, 16 << 20} // 16 bytes each: about 32 were sampled
	d, err := Compare(p, p, "inuse_space", 0)
	must(t, err)
	if d.Measure != "value" || d.Samples < 31 || d.Samples > 33 || d.Verdict != TooFew {
		t.Errorf("%+v", d)
	}
}

func TestCorruptProfiles(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, err := zip.Write(make([]byte, 1<<20))
	must(t, err)
	must(t, zip.Close())
	bomb = *bytes.NewBuffer(bytes.Repeat(bomb.Bytes(), maxPlainBytes>>20+1)) // a file may have many members
	for name, data := range map[string][]byte{
		"text": []byte("<html>not a profile"), "empty": {}, "zip": {0x1f, 0x8b, 8}, "bomb": bomb.Bytes(),
	} {
		if _, err := Parse(data); err == nil || !strings.HasPrefix(err.Error(), "capture: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, kind := range []string{Heap, Goroutine} {
		data, err := lookup(kind)
		must(f, err)
		f.Add(data)
	}
	var plain bytes.Buffer
	must(f, made(map[string]int64{"ab": 3, "abc": 2}).WriteUncompressed(&plain))
	f.Add(plain.Bytes())
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		g, err := NewFlamegraph(p, "", 100)
		if _, bad := errors.AsType[*RequestError](err); err != nil && !bad {
			t.Fatal(err)
		}
		for i, n := range g.Nodes {
			if n.Parent >= i {
				t.Fatalf("node %d stands before its parent %d", i, n.Parent)
			}
		}
		if _, err := NewTop(p, "", 10); err != nil && len(g.Nodes) > 0 {
			t.Fatal(err)
		}
		if _, err := Compare(p, p, "", 10); err != nil && len(g.Nodes) > 0 {
			t.Fatal(err)
		}
	})
}

// A profile of 30 seconds: 3,000 samples, 60 frames deep, 50,000 different frames in the tree.
func BenchmarkFlamegraph(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 10_000_000,
	}
	for i := range 2000 {
		f := &profile.Function{ID: uint64(i + 1), Name: fmt.Sprintf("example.com/service/part%d.(*Thing).Method%d", i%50, i)}
		p.Function = append(p.Function, f)
		p.Location = append(p.Location, &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f, Line: 1}}})
	}
	for range 3000 {
		s := &profile.Sample{Value: []int64{1, 10_000_000}}
		for depth := range 60 {
			choices := 1
			if depth < 16 { // from the leaf
				choices = 30
			}
			s.Location = append(s.Location, p.Location[(60-depth)*30+rng.IntN(choices)])
		}
		p.Sample = append(p.Sample, s)
	}
	var data bytes.Buffer
	must(b, p.Write(&data))
	b.ReportAllocs()
	nodes := 0
	for b.Loop() {
		parsed, err := Parse(data.Bytes())
		must(b, err)
		g, err := NewFlamegraph(parsed, "", 50_000)
		must(b, err)
		nodes = len(g.Nodes)
	}
	b.ReportMetric(float64(nodes), "nodes")
}
