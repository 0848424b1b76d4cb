package diskcache

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// unwritable has all writes of a log fail from now on, as on a disk that broke.
func unwritable(t *testing.T, l *log) {
	t.Helper()
	a := l.active()
	f, err := os.Open(segmentPath(l.cfg.Dir, a.number))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.file.Close(); err != nil {
		t.Fatal(err)
	}
	a.file = f
}

// What cannot be forgotten on the disk must not come back from it.
func TestAWriteThatFails(t *testing.T) {
	t.Parallel()
	cfg := tiny
	cfg.Dir = t.TempDir()
	tier, l := openTier(t, cfg)
	r := &running{Tier: tier, tb: t}
	for i := range 100 {
		r.must(replaceOp("k"+strconv.Itoa(i), strings.Repeat("v", 1000)))
	}
	unwritable(t, l)
	if errs := r.apply(cache.RemoteOp{Kind: cache.RemoteForget, Key: "k99"}, replaceOp("k98", "new")); !errors.Is(errs[0], cache.ErrRemoteUnavailable) || errs[1] == nil {
		t.Errorf("got %v", errs)
	}
	if s := r.Stats(); s.Connected || !strings.Contains(s.LastError, "write") {
		t.Errorf("%+v", s)
	}
	if s := r.DiskStats(); s.Failed != 1 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := r.Lookup(t.Context(), "k1", nil); !errors.Is(err, cache.ErrRemoteUnavailable) {
		t.Errorf("got %v", err)
	}
	tier.open(true)
	defer tier.close()
	for i := range 100 {
		if v := r.look("k" + strconv.Itoa(i)); v.Version != "" {
			t.Errorf("k%d is there again: %.20q", i, v.Value)
		}
	}
	r.must(replaceOp("k", "v"))
	if v := r.look("k"); string(v.Value) != "v" || !r.Stats().Connected {
		t.Errorf("after it was opened again: %q, %+v", v.Value, r.Stats())
	}
}

// A file that vanishes or is emptied while it is in use costs what it held.
func TestFilesChangedBeneath(t *testing.T) {
	t.Parallel()
	cfg := tiny
	cfg.Dir = t.TempDir()
	tier, l := openTier(t, cfg)
	defer tier.close()
	r := &running{Tier: tier, tb: t}
	for i := range 100 {
		r.must(replaceOp("k"+strconv.Itoa(i), strings.Repeat(strconv.Itoa(i)+".", 500)))
	}
	first := l.segs[0]
	if err := os.WriteFile(segmentPath(cfg.Dir, first.number), []byte(strings.Repeat("garbage", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for i := range 100 {
		v, err := r.Lookup(t.Context(), "k"+strconv.Itoa(i), nil)
		switch {
		case err != nil && !errors.Is(err, cache.ErrRemoteUnavailable):
			t.Error(err)
		case err != nil, v.Value == nil:
			lost++
		case string(v.Value) != strings.Repeat(strconv.Itoa(i)+".", 500):
			t.Errorf("k%d: %.20q", i, v.Value)
		}
	}
	if lost == 0 || lost > 50 || tier.counts.malformed.Load() == 0 {
		t.Errorf("%d lost, %d malformed", lost, tier.counts.malformed.Load())
	}
}

// A read that takes too long keeps others from reading, and they do not wait.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	r := run(t, small(t))
	r.must(replaceOp("k", "v"))
	for range maxReads {
		r.reads <- struct{}{}
	}
	if _, err := r.Lookup(t.Context(), "k", nil); !errors.Is(err, errSlow) || !errors.Is(err, cache.ErrRemoteUnavailable) {
		t.Errorf("with all readers busy: %v", err)
	}
	for range maxReads {
		<-r.reads
	}
	if v := r.look("k"); string(v.Value) != "v" {
		t.Errorf("got %q", v.Value)
	}
	now := time.Now()
	for _, took := range []time.Duration{SlowRead + 1, time.Hour, 0, SlowRead + 1, time.Hour} { // never three in a row
		r.took(now, now.Add(took))
	}
	if v := r.look("k"); string(v.Value) != "v" {
		t.Errorf("got %q", v.Value)
	}
	for range slowReads {
		r.took(now, now.Add(time.Hour))
	}
	if _, err := r.Lookup(t.Context(), "k", nil); !errors.Is(err, errSlow) {
		t.Errorf("after a slow read: %v", err)
	}
	if v := r.look("", "g"); v.Generations[0] == "" {
		t.Error("generations are in memory, and must be told")
	}
}
