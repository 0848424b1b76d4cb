package diskcache

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sentientcore/upshift/cache"
)

// mount makes a small file system for the test.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("this user cannot mount a file system of a bounded size: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// The disk is smaller than the bound, and somebody else fills it, too.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "6m")
	cfg := Config{Dir: filepath.Join(dir, "cache"), MaxBytes: MinBytes}
	r := run(t, cfg)
	model := map[string]string{}
	rng := rand.New(rand.NewPCG(8, 8))
	write := func(rounds int) (failed int) {
		for range rounds {
			key := strconv.Itoa(rng.IntN(500))
			op := replaceOp(key, key+strings.Repeat("x", rng.IntN(64<<10)))
			if rng.IntN(8) == 0 {
				op = cache.RemoteOp{Kind: cache.RemoteForget, Key: key}
			}
			if err := r.apply(op)[0]; err != nil {
				failed++
				// The tier is closed and empty by now.
				model = map[string]string{}
				r.open(true)
				continue
			}
			model[key] = string(op.Value)
		}
		return failed
	}
	check := func() {
		t.Helper()
		for key, want := range model {
			v, err := r.Lookup(t.Context(), key, nil)
			if err != nil && !errors.Is(err, cache.ErrRemoteUnavailable) {
				t.Error(err)
			}
			if v.Value != nil && string(v.Value) != want {
				t.Errorf("%s: another value", key)
			}
		}
	}
	if failed := write(1000); failed > 0 {
		t.Errorf("%d writes failed, although there was room to be made", failed)
	}
	check()
	if s := r.DiskStats(); s.Failed == 0 || s.Evicted == 0 {
		t.Errorf("the disk was never full: %+v", s)
	}
	other := filepath.Join(dir, "other")
	_ = os.WriteFile(other, make([]byte, 8<<20), 0o600) // as much as fits
	write(200)
	check()
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if r.log.Load() == nil {
		r.open(true)
	}
	if failed := write(200); failed > 0 {
		t.Errorf("%d writes failed when there was room again", failed)
	}
	check()
	r.stop()
	r = run(t, cfg)
	check()
}

// A directory that is read-only from the start is not used; one that becomes so is given up.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := mount(t, "8m")
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Skipf("remount: %v", err)
		}
	}
	cfg := Config{Dir: filepath.Join(dir, "cache"), MaxBytes: MinBytes}
	r := run(t, cfg)
	r.must(replaceOp("k", "v"))
	r.stop()
	remount(syscall.MS_RDONLY)
	defer remount(0)
	r = run(t, cfg)
	if s := r.Stats(); s.Connected || !strings.Contains(s.LastError, "read-only") {
		t.Errorf("%+v", s)
	}
	r.stop()
	remount(0)
	r = run(t, cfg)
	if v := r.look("k"); string(v.Value) != "v" {
		t.Errorf("got %q", v.Value)
	}
}
