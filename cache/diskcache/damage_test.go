package diskcache

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// history is a log of a few small files with replaced and removed values and renewed generations.
type history struct {
	cfg    Config // without a directory
	files  map[string][]byte
	values map[string]string // what a key may have; "" nothing
	past   map[string]bool   // generations that may not come back
}

// tiny is smaller than Validate allows, so that there are many files.
var tiny = Config{MaxBytes: 256 << 10, MaxEntries: 1 << 16}

// openTier is a tier on a log that no Run keeps.
func openTier(tb testing.TB, cfg Config) (*Tier, *log) {
	tb.Helper()
	tier := newTier(cfg, slog.New(slog.DiscardHandler))
	l, err := open(cfg, &tier.counts, tier.logger, false)
	if err != nil {
		tb.Fatal(err)
	}
	tier.log.Store(l)
	close(tier.tried)
	return tier, l
}

func newHistory(tb testing.TB) *history {
	tb.Helper()
	h := &history{cfg: tiny, files: map[string][]byte{}, values: map[string]string{}, past: map[string]bool{}}
	cfg := tiny
	cfg.Dir = tb.TempDir()
	tier, l := openTier(tb, cfg)
	r := &running{Tier: tier, tb: tb}
	for i := range 400 {
		key := "key" + strconv.Itoa(i%97)
		if i%7 == 3 {
			r.must(cache.RemoteOp{Kind: cache.RemoteForget, Key: key})
			h.values[key] = ""
		} else {
			h.values[key] = fmt.Sprintf("%s in round %d %s", key, i, strings.Repeat("y", i))
			r.must(replaceOp(key, h.values[key]))
		}
		if i%20 == 0 {
			h.past[r.look("", "t:tag").Generations[0]] = true
			r.must(cache.RemoteOp{Kind: cache.RemoteRenew, Names: []string{"t:tag"}})
		}
	}
	if err := l.close(); err != nil {
		tb.Fatal(err)
	}
	entries, err := os.ReadDir(cfg.Dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(cfg.Dir, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		h.files[e.Name()] = data
	}
	if len(h.files) < 8 {
		tb.Fatalf("only %d files", len(h.files))
	}
	return h
}

// opened opens a copy of the history in which files were changed, and returns how many values it
// found. A wrong one, or a generation of the past, is an error.
func (h *history) opened(tb testing.TB, dir string, files map[string][]byte) (int, *Tier) {
	tb.Helper()
	if err := os.RemoveAll(dir); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		tb.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	cfg := h.cfg
	cfg.Dir = dir
	tier, l := openTier(tb, cfg)
	r := &running{Tier: tier, tb: tb}
	found := 0
	for key, want := range h.values {
		switch v := r.look(key); {
		case v.Value == nil:
		case string(v.Value) != want:
			tb.Errorf("%s: got %.40q, want %.40q or nothing", key, v.Value, want)
		default:
			found++
		}
	}
	if token := r.look("", "t:tag").Generations[0]; h.past[token] {
		tb.Errorf("generation %s came back", token)
	}
	// It can be written again, and what is written is there.
	r.must(replaceOp("new", "value"))
	if v := r.look("new"); string(v.Value) != "value" {
		tb.Errorf("got %q", v.Value)
	}
	if err := l.close(); err != nil {
		tb.Error(err)
	}
	return found, tier
}

// Flipped bits lose values, never more than that. UPSHIFT_FLIPS sets how many are tried.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	dir := filepath.Join(t.TempDir(), "copy")
	whole, _ := h.opened(t, dir, h.files)
	if whole < 60 {
		t.Fatalf("%d values without damage", whole)
	}
	flips := 150
	if n, err := strconv.Atoi(os.Getenv("UPSHIFT_FLIPS")); err == nil {
		flips = n
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	names := slices.Sorted(maps.Keys(h.files))
	kept := 0
	for range flips {
		name := names[rng.IntN(len(names))]
		data := slices.Clone(h.files[name])
		if len(data) == 0 {
			continue
		}
		at, bit := rng.IntN(len(data)), rng.IntN(8)
		data[at] ^= 1 << bit
		files := maps.Clone(h.files)
		files[name] = data
		found, _ := h.opened(t, dir, files)
		kept += found
		if t.Failed() {
			t.Fatalf("bit %d of byte %d of %s", bit, at, name)
		}
	}
	t.Logf("%d flips, %.1f %% of the values kept", flips, 100*float64(kept)/float64(flips*whole))
}

func FuzzFlippedBytes(f *testing.F) {
	h := newHistory(f)
	names := slices.Sorted(maps.Keys(h.files))
	dir := filepath.Join(f.TempDir(), "copy")
	f.Add(uint8(0), uint32(0), []byte{0})
	f.Add(uint8(2), uint32(100), []byte("\xff\xff\xff\xff"))
	f.Add(uint8(3), uint32(8), []byte("s"))
	f.Fuzz(func(t *testing.T, file uint8, at uint32, with []byte) {
		name := names[int(file)%len(names)]
		data := slices.Clone(h.files[name])
		if len(data) == 0 {
			return
		}
		copy(data[int(at)%len(data):], with)
		files := maps.Clone(h.files)
		files[name] = data
		h.opened(t, dir, files)
	})
}

// What else can happen to files.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	var logs []string
	for _, name := range slices.Sorted(maps.Keys(h.files)) {
		if strings.HasSuffix(name, suffix) {
			logs = append(logs, name)
		}
	}
	middle, last := logs[len(logs)/2], logs[len(logs)-1]
	for _, test := range []struct {
		name    string
		do      func(files map[string][]byte)
		damaged bool
		some    bool // values are left
	}{
		{"nothing", func(map[string][]byte) {}, false, true},
		{"head gone", func(f map[string][]byte) { delete(f, headName) }, true, false},
		{"head empty", func(f map[string][]byte) { f[headName] = nil }, true, false},
		{"head zero", func(f map[string][]byte) { f[headName] = make([]byte, headSize) }, true, false},
		{"oldest gone", func(f map[string][]byte) { delete(f, logs[0]) }, false, true},
		{"middle gone", func(f map[string][]byte) { delete(f, middle) }, true, true},
		{"last gone", func(f map[string][]byte) { delete(f, last) }, true, false},
		{"middle empty", func(f map[string][]byte) { f[middle] = nil }, true, true},
		{"middle cut at its seal", func(f map[string][]byte) { f[middle] = f[middle][:len(f[middle])-sealed.size()] }, true, true},
		{"middle longer", func(f map[string][]byte) { f[middle] = append(slices.Clone(f[middle]), 0) }, true, true},
		{"last cut", func(f map[string][]byte) { f[last] = f[last][:len(f[last])-1] }, true, false},
		{"last empty", func(f map[string][]byte) { f[last] = nil }, true, false},
		{"last torn", func(f map[string][]byte) { f[last] = append(slices.Clone(f[last]), "torn"...) }, false, true},
		{"swapped", func(f map[string][]byte) { f[middle], f[last] = f[last], f[middle] }, true, false},
		{"last twice", func(f map[string][]byte) { f["000000999999"+suffix] = f[last] }, true, false},
		{"foreign names", func(f map[string][]byte) { f["README"], f["1.log"], f["000000000000.log"] = nil, nil, nil }, false, true},
		{"all zero", func(f map[string][]byte) {
			for name := range f {
				f[name] = make([]byte, len(f[name]))
			}
		}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := maps.Clone(h.files)
			test.do(files)
			dir := filepath.Join(t.TempDir(), "copy")
			found, tier := h.opened(t, dir, files)
			if damaged := tier.counts.damaged.Load() > 0; damaged != test.damaged || (found > 0) != test.some {
				t.Errorf("damage counted: %v, %d values found", damaged, found)
			}
			// The next start finds nothing wrong any more.
			cfg := h.cfg
			cfg.Dir = dir
			again, l := openTier(t, cfg)
			if n := again.counts.damaged.Load(); n > 0 {
				t.Errorf("damage counted %d times at the second start", n)
			}
			if err := l.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(record{kind: kindValue, key: "c/k", version: "1", expires: 1, value: []byte("value")}.append(nil, 1), uint64(1))
	f.Add(sealed.append(nil, 7), uint64(7))
	f.Add([]byte{}, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, file uint64) {
		if r, err := parse(data, file); err == nil {
			if again := r.append(nil, file); string(again) != string(data) && data[9]|data[20]|data[21]|data[22]|data[23] == 0 {
				t.Errorf("%q is read as %+v, which is %q", data, r, again)
			}
		}
		end, _, err := replay(strings.NewReader(string(data)), file, int64(len(data)), func(_ record, at int64, length int) {
			if at < 0 || length < headBytes || at+int64(length) > int64(len(data)) {
				t.Errorf("a record of %d bytes at %d of %d", length, at, len(data))
			}
		})
		if err == nil && end != int64(len(data)) {
			t.Errorf("ended at %d of %d without an error", end, len(data))
		}
	})
}
