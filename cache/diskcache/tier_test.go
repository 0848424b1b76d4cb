package diskcache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// The operations are what cache.Remote says, before and after a restart.
func TestOperations(t *testing.T) {
	t.Parallel()
	cfg := small(t)
	r := run(t, cfg)
	look := func() cache.RemoteView { t.Helper(); return r.look("c/k", "g", "n:c") }
	apply := func(want error, op cache.RemoteOp) {
		t.Helper()
		op.Key, op.TTL = "c/k", time.Minute
		if err := r.apply(op)[0]; !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", op, err, want)
		}
	}
	restart := func() {
		t.Helper()
		before := look()
		r.stop()
		r = run(t, cfg)
		if after := look(); string(after.Value) != string(before.Value) || after.Version != before.Version ||
			!slices.Equal(after.Generations, before.Generations) {
			t.Errorf("before the restart %+v, after it %+v", before, after)
		}
	}
	first := look()
	if first.Value != nil || first.Version != "" || first.Generations[0] == "" || first.Generations[0] == first.Generations[1] {
		t.Fatalf("of nothing: %+v", first)
	}
	restart()
	apply(nil, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("one"), Version: "1", Names: []string{"g"}})
	restart()
	one := look()
	if string(one.Value) != "one" || one.Version != "1" || !slices.Equal(one.Generations, first.Generations) {
		t.Errorf("%+v", one)
	}
	apply(cache.ErrSuperseded, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("two"), Version: "2"})
	apply(nil, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("two"), Version: "2", Since: one.Version})
	apply(nil, cache.RemoteOp{Kind: cache.RemoteDiscard, Since: one.Version})
	if v := look(); string(v.Value) != "two" {
		t.Errorf("a discard of another version removed it: %+v", v)
	}
	apply(nil, cache.RemoteOp{Kind: cache.RemoteForget})
	restart()
	gone := look()
	if gone.Value != nil || gone.Version == "" {
		t.Errorf("of a removed value: %+v", gone)
	}
	apply(cache.ErrSuperseded, cache.RemoteOp{Kind: cache.RemoteStore, Value: []byte("late"), Version: "3"})
	apply(nil, cache.RemoteOp{Kind: cache.RemoteReplace, Value: []byte("four"), Version: "4"})
	if v := look(); string(v.Value) != "four" {
		t.Errorf("%+v", v)
	}
	apply(nil, cache.RemoteOp{Kind: cache.RemoteRenew, Names: []string{"g"}})
	restart()
	if v := look(); v.Generations[0] == first.Generations[0] || v.Generations[1] != first.Generations[1] {
		t.Errorf("after a renewal of g: %v, before %v", v.Generations, first.Generations)
	}
	second := look().Generations[1]
	amend := func(since, value string) cache.RemoteOp {
		return cache.RemoteOp{Kind: cache.RemoteAmend, Names: []string{"n:c"}, Since: since, Value: []byte(value)}
	}
	apply(cache.ErrSuperseded, amend("another", "lost"))
	long := second + "\x00" + strings.Repeat("pattern", 300)
	apply(nil, amend(second, long))
	restart()
	if v := look(); v.Generations[1] != long {
		t.Errorf("after an amendment: %.60q", v.Generations[1])
	}
	apply(nil, cache.RemoteOp{Kind: cache.RemoteDiscard, Since: "4"})
	restart()
	if v := look(); v.Value != nil || v.Version != "" {
		t.Errorf("of a discarded value: %+v", v)
	}
}

// Operations of one batch see each other.
func TestBatchInOrder(t *testing.T) {
	t.Parallel()
	r := run(t, small(t))
	store := func(value, version, since string) cache.RemoteOp {
		return cache.RemoteOp{
			Kind: cache.RemoteStore, Key: "k", Value: []byte(value), Version: version, Since: since, TTL: time.Minute,
		}
	}
	errs := r.apply(store("a", "1", ""), store("b", "2", ""), store("c", "3", "1"), cache.RemoteOp{Kind: cache.RemoteForget, Key: "k"},
		store("d", "4", "3"))
	want := []error{nil, cache.ErrSuperseded, nil, nil, cache.ErrSuperseded}
	if !slices.Equal(errs, want) {
		t.Errorf("got %v, want %v", errs, want)
	}
	if v := r.look("k"); v.Value != nil {
		t.Errorf("got %q", v.Value)
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	cfg := small(t)
	r := run(t, cfg)
	op := replaceOp("k", "v")
	op.TTL = time.Millisecond
	r.must(op)
	for deadline := time.Now().Add(10 * time.Second); r.look("k").Version != ""; {
		if time.Now().After(deadline) {
			t.Fatal("it does not expire")
		}
	}
	r.stop()
	r = run(t, cfg)
	if s := r.DiskStats(); s.Entries != 0 {
		t.Errorf("after a restart: %+v", s)
	}
	r.must(cache.RemoteOp{Kind: cache.RemoteStore, Key: "k", Value: []byte("v"), Version: "1", TTL: time.Minute})
}

// Whatever is written, the directory is never above its bound, and what is found is what was
// written last.
func TestBoundAgainstAModel(t *testing.T) {
	t.Parallel()
	cfg := small(t)
	cfg.MaxEntries = 2000
	r := run(t, cfg)
	rng := rand.New(rand.NewPCG(3, 1))
	model := map[string]string{}
	generations := map[string]string{}
	for round := range 300 {
		var ops []cache.RemoteOp
		for range 1 + rng.IntN(16) {
			key := "key" + strconv.Itoa(rng.IntN(2000))
			switch rng.IntN(12) {
			case 0:
				ops = append(ops, cache.RemoteOp{Kind: cache.RemoteForget, Key: key})
				delete(model, key)
			default:
				value := fmt.Sprintf("%s:%d:%s", key, round, strings.Repeat("x", rng.IntN(700)))
				ops = append(ops, replaceOp(key, value))
				model[key] = value
			}
		}
		for _, err := range r.apply(ops...) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if used := usedBytes(t, cfg.Dir); used > cfg.MaxBytes {
			t.Fatalf("round %d: %d bytes of %d", round, used, cfg.MaxBytes)
		}
		s := r.DiskStats()
		if s.Records > cfg.MaxEntries || s.Entries > s.Records {
			t.Fatalf("round %d: %+v", round, s)
		}
		name := "t:" + strconv.Itoa(rng.IntN(20))
		if got := r.look("", name).Generations[0]; generations[name] != "" && got != generations[name] {
			t.Fatalf("round %d: another generation of %s without a renewal", round, name)
		} else {
			generations[name] = got
		}
		if round%100 == 99 {
			r.stop()
			r = run(t, cfg)
		}
	}
	found := 0
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if v := r.look(key); v.Value != nil {
			found++
			if string(v.Value) != model[key] {
				t.Fatalf("%s: another value", key)
			}
		}
	}
	s := r.DiskStats()
	if found < 200 || found == len(model) || r.look("never").Value != nil {
		t.Errorf("%d of %d found; %+v", found, len(model), s)
	}
	// What was read just now may yet be written again.
	for deadline := time.Now().Add(10 * time.Second); usedBytes(t, cfg.Dir) != r.DiskStats().Bytes; {
		if time.Now().After(deadline) {
			t.Fatalf("the files take %d bytes, the figures say %d", usedBytes(t, cfg.Dir), r.DiskStats().Bytes)
		}
	}
}

// What is read stays, what is not goes.
func TestTheColdLeaves(t *testing.T) {
	t.Parallel()
	cfg := small(t)
	r := run(t, cfg)
	value := strings.Repeat("v", 1<<10)
	for i := range 100 {
		r.must(replaceOp("hot"+strconv.Itoa(i), value))
		r.must(replaceOp("cold"+strconv.Itoa(i), value))
	}
	for i := 0; r.DiskStats().Evicted < 5_000; i++ {
		errs := make([]cache.RemoteOp, 16)
		for j := range errs {
			errs[j] = cache.RemoteOp{
				Kind: cache.RemoteStore, Key: fmt.Sprintf("scan%d/%d", i, j), Value: []byte(value), Version: "1", TTL: time.Hour,
			}
		}
		r.apply(errs...)
		for j := range 100 {
			r.look("hot" + strconv.Itoa(j))
		}
		for deadline := time.Now().Add(10 * time.Second); len(r.hot) > 0; {
			if time.Now().After(deadline) {
				t.Fatal("nothing is written again")
			}
		}
	}
	hot, cold := 0, 0
	for i := range 100 {
		if r.look("hot"+strconv.Itoa(i)).Value != nil {
			hot++
		}
		if r.look("cold"+strconv.Itoa(i)).Value != nil {
			cold++
		}
	}
	if hot < 97 || cold > 0 {
		t.Errorf("%d hot and %d cold are left of 100 each; %+v", hot, cold, r.DiskStats())
	}
}

// Generations outlive the files they were written to, as far as they are bounded.
func TestGenerationsStayAndAreBounded(t *testing.T) {
	t.Parallel()
	cfg := small(t)
	r := run(t, cfg)
	want := r.look("", "g", "n:answers").Generations
	value := strings.Repeat("v", 4<<10)
	for i := range 1000 { // four times the bound
		r.must(replaceOp(strconv.Itoa(i), value))
		r.look("", "t:"+strings.Repeat("long", 10)+strconv.Itoa(i), "g", "n:answers")
	}
	r.stop()
	r = run(t, cfg)
	if got := r.look("", "g", "n:answers").Generations; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range 20_000 {
		r.look("", "t:"+strconv.Itoa(i), "g", "n:answers")
	}
	l := r.log.Load()
	l.mu.RLock()
	names, bytes, unwritten := len(l.names.byName), l.names.bytes, len(l.names.unwritten)
	l.mu.RUnlock()
	if names > l.names.max || bytes > l.names.maxBytes || unwritten > names {
		t.Errorf("%d names of %d bytes, %d of them unwritten", names, bytes, unwritten)
	}
	if got := r.look("", "g", "n:answers").Generations; !slices.Equal(got, want) {
		t.Errorf("what is asked for left: %v, want %v", got, want)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	r := run(t, small(t))
	r.must(replaceOp("k", "old"))
	large := strings.Repeat("x", 1<<20/files)
	store := replaceOp("other", large)
	store.Kind = cache.RemoteStore
	r.must(store)
	r.must(replaceOp("k", large))
	if v := r.look("k"); v.Value != nil {
		t.Errorf("the value before is still there: %q", v.Value)
	}
	if v := r.look("other"); v.Version != "" {
		t.Errorf("%+v", v)
	}
	if n := r.DiskStats().Rejected; n != 2 {
		t.Errorf("%d rejected, want 2", n)
	}
}

func TestASecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	cfg := small(t)
	first := run(t, cfg)
	first.must(replaceOp("k", "v"))
	second := run(t, cfg)
	if s := second.Stats(); s.Connected || !strings.Contains(s.LastError, "another process") {
		t.Errorf("%+v", s)
	}
	if _, err := second.Lookup(t.Context(), "k", nil); !errors.Is(err, cache.ErrRemoteUnavailable) {
		t.Errorf("got %v", err)
	}
	if errs := second.apply(replaceOp("k", "other")); !errors.Is(errs[0], cache.ErrRemoteUnavailable) {
		t.Errorf("got %v", errs)
	}
	if v := first.look("k"); string(v.Value) != "v" {
		t.Errorf("got %q", v.Value)
	}
}

func TestADirectoryThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, Config{Dir: filepath.Join(file, "below")})
	if s := r.Stats(); s.Connected || !strings.Contains(s.LastError, "make the directory") {
		t.Errorf("%+v", s)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfg  Config
		says string
	}{
		{Config{Dir: "d"}, ""},
		{Config{}, "cache.disk.path"},
		{Config{Dir: "d", MaxBytes: 1}, "cache.disk.max_bytes"},
		{Config{Dir: "d", MaxBytes: -1}, "cache.disk.max_bytes"},
		{Config{Dir: "d", MaxBytes: MaxBytes + 1}, "cache.disk.max_bytes"},
		{Config{Dir: "d", MaxEntries: 1}, "cache.disk.max_entries"},
	} {
		_, err := New(test.cfg, nil)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v, want %q", test.cfg, err, test.says)
		}
	}
}

// Readers, the writer and files that leave at the same time.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	r := run(t, small(t))
	value := func(key string) string { return strings.Repeat(key+".", 200) }
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				key := strconv.Itoa(rand.IntN(2000))
				v, err := r.Lookup(ctx, key, []string{"g", "t:" + key})
				switch {
				case ctx.Err() != nil, errors.Is(err, cache.ErrRemoteUnavailable):
				case err != nil:
					t.Error(err)
				case v.Value != nil && string(v.Value) != value(key):
					t.Errorf("%s: another value", key)
				}
			}
		})
	}
	for range 60 {
		ops := make([]cache.RemoteOp, 50)
		for i := range ops {
			key := strconv.Itoa(rand.IntN(2000))
			ops[i] = replaceOp(key, value(key))
		}
		for _, err := range r.apply(ops...) {
			if err != nil {
				t.Error(err)
			}
		}
	}
	cancel()
	all.Wait()
	if s := r.DiskStats(); s.Malformed > 0 || s.Evicted == 0 {
		t.Errorf("%+v", s)
	}
}
