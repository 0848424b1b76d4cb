package diskcache

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/cache"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		os.Exit(victim(dir))
	}
	goleak.VerifyTestMain(m)
}

// running is a tier that runs until it is stopped or the test ends.
type running struct {
	*Tier
	tb   testing.TB
	stop func()
}

// silent is a feed that only says when it lives.
type silent chan struct{}

func (s silent) Live()          { close(s) }
func (s silent) Lost(error)     {}
func (s silent) Deliver([]byte) {}

func run(tb testing.TB, cfg Config) *running {
	tb.Helper()
	tier := newTier(cfg.WithDefaults(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	live, done := make(silent), make(chan error, 1)
	go func() { done <- tier.Run(ctx, live) }()
	stopped := false
	r := &running{Tier: tier, tb: tb}
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	}
	tb.Cleanup(r.stop)
	<-live
	return r
}

// small is smaller than Validate allows, to be full soon.
func small(tb testing.TB) Config {
	tb.Helper()
	return Config{Dir: tb.TempDir(), MaxBytes: 1 << 20}
}

func (r *running) apply(ops ...cache.RemoteOp) []error {
	r.tb.Helper()
	errs := r.Apply(context.Background(), ops)
	if len(errs) != len(ops) {
		r.tb.Fatalf("%d errors for %d operations", len(errs), len(ops))
	}
	return errs
}

// must applies an operation that does not fail.
func (r *running) must(op cache.RemoteOp) {
	r.tb.Helper()
	if err := r.apply(op)[0]; err != nil {
		r.tb.Fatalf("%+v: %v", op, err)
	}
}

func (r *running) look(key string, names ...string) cache.RemoteView {
	r.tb.Helper()
	r.slow.Store(0) // what is tested is not how fast this machine is
	v, err := r.Lookup(context.Background(), key, names)
	if err != nil {
		r.tb.Fatal(err)
	}
	return v
}

func replaceOp(key, value string) cache.RemoteOp {
	return cache.RemoteOp{Kind: cache.RemoteReplace, Key: key, Value: []byte(value), Version: newToken(), TTL: time.Hour}
}

// usedBytes is what the directory takes.
func usedBytes(tb testing.TB, dir string) int64 {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	sum := int64(0)
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}
