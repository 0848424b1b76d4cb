package trace_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sentientcore/upshift/bench/trace"
)

// write makes a file of a trace.
func write(t *testing.T, magic string, distinct uint64, keys ...int64) string {
	t.Helper()
	text := binary.AppendUvarint(binary.AppendUvarint([]byte(magic), uint64(len(keys))), distinct)
	last := int64(0)
	for _, k := range keys {
		text = binary.AppendVarint(text, k-last)
		last = k
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "some.ctr.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := trace.Read(write(t, "CTR1", 3, 0, 1, 0, 2, 1))
	want := trace.Trace{Name: "some", Keys: []uint32{0, 1, 0, 2, 1}, Distinct: 3}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got := got.First(3); got.Distinct != 2 || len(got.Keys) != 3 {
		t.Errorf("the first three: %+v", got)
	}
	for name, path := range map[string]string{
		"another magic": write(t, "CTR2", 1, 0), "key out of range": write(t, "CTR1", 2, 0, 2),
		"more keys than accesses": write(t, "CTR1", 9, 0), "negative key": write(t, "CTR1", 2, 0, -1),
		"no file": filepath.Join(t.TempDir(), "none"),
	} {
		if got, err := trace.Read(path); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// optimum tries all that a cache can do.
func optimum(keys []uint32, size int, held map[uint32]bool) int {
	if len(keys) == 0 {
		return 0
	}
	k := keys[0]
	if held[k] {
		return 1 + optimum(keys[1:], size, held)
	}
	best := optimum(keys[1:], size, held)
	with := func(without uint32) {
		next := map[uint32]bool{k: true}
		for h := range held {
			if h != without || len(held) < size {
				next[h] = true
			}
		}
		best = max(best, optimum(keys[1:], size, next))
	}
	if len(held) < size {
		with(k)
		return best
	}
	for h := range held {
		with(h)
	}
	return best
}

func TestOptimumIsTheBestOfAllChoices(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		tr := trace.Trace{Distinct: 5, Keys: make([]uint32, 10)}
		for i := range tr.Keys {
			tr.Keys[i] = r.Uint32N(5)
		}
		for size := 1; size <= 3; size++ {
			if got, want := trace.Optimum(tr, size), optimum(tr.Keys, size, map[uint32]bool{}); got != want {
				t.Fatalf("%v in %d: %d, want %d", tr.Keys, size, got, want)
			}
		}
	}
}

// A loop hits at most what fits of it.
func TestOptimumOfALoop(t *testing.T) {
	t.Parallel()
	tr := trace.Trace{Distinct: 10}
	for i := range 1000 {
		tr.Keys = append(tr.Keys, uint32(i%10))
	}
	if got := trace.Optimum(tr, 4); got < 390 || got > 400 {
		t.Errorf("%d hits of 1000", got)
	}
	if got := trace.Optimum(tr, 10); got != 990 {
		t.Errorf("%d hits when all fits", got)
	}
}

func TestMadeUpTraces(t *testing.T) {
	t.Parallel()
	all := append(trace.Kinds(20_000, 1), trace.Zipf(1, 1000, 20_000, 1))
	again := append(trace.Kinds(20_000, 1), trace.Zipf(1, 1000, 20_000, 1))
	names := map[string]bool{}
	for i, tr := range all {
		names[tr.Name] = true
		if len(tr.Keys) != 20_000 || !reflect.DeepEqual(tr, again[i]) {
			t.Errorf("%s: %d accesses, the same again: %v", tr.Name, len(tr.Keys), reflect.DeepEqual(tr, again[i]))
		}
		seen := uint32(0)
		for _, k := range tr.Keys {
			if k > seen {
				t.Fatalf("%s: key %d before %d", tr.Name, k, seen)
			}
			if k == seen {
				seen++
			}
		}
		if int(seen) != tr.Distinct {
			t.Errorf("%s: %d keys, says %d", tr.Name, seen, tr.Distinct)
		}
	}
	if len(names) != len(all) {
		t.Errorf("names %v", names)
	}
	mix := trace.LLM(10_000, 2000, 0.8, 1)
	if len(mix.Bytes) != mix.Distinct || len(mix.Prices) != mix.Distinct || mix.Priced() <= 0 {
		t.Errorf("%d sizes, %d prices of %d answers", len(mix.Bytes), len(mix.Prices), mix.Distinct)
	}
	sum := int64(0)
	for i := range mix.Bytes {
		if sum += mix.Bytes[i]; mix.Bytes[i] < 400 || mix.Prices[i] <= 0 {
			t.Fatalf("answer %d: %d bytes at %v", i, mix.Bytes[i], mix.Prices[i])
		}
	}
	if sum != mix.Total {
		t.Errorf("%d bytes, says %d", sum, mix.Total)
	}
}
