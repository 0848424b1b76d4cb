package diskcache

import (
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
)

// counters are what a tier counts of itself.
type counters struct {
	malformed, evicted, promoted, damaged, rejected, failed, slow atomic.Uint64
}

// Stats implements [cache.Remote].
func (t *Tier) Stats() cache.RedisStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := cache.RedisStats{Connected: t.down == nil, Since: t.since}
	if t.down != nil {
		s.LastError = t.down.Error()
	}
	return s
}

// DiskStats are the figures of the directory.
func (t *Tier) DiskStats() cache.DiskStats {
	c := &t.counts
	s := cache.DiskStats{
		Dir: t.cfg.Dir, MaxBytes: t.cfg.MaxBytes, MaxEntries: t.cfg.MaxEntries,
		Malformed: c.malformed.Load(), Evicted: c.evicted.Load(), Promoted: c.promoted.Load(), Damaged: c.damaged.Load(),
		Rejected: c.rejected.Load(), Failed: c.failed.Load(), SlowReads: c.slow.Load(),
	}
	if l := t.log.Load(); l != nil {
		l.mu.RLock()
		s.Bytes, s.Entries, s.Records = l.bytes+overheadBytes, len(l.index), l.records
		l.mu.RUnlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.OpenSeconds = t.opened.Seconds()
	return s
}

// setUp notes that the directory is open.
func (t *Tier) setUp(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.down, t.since, t.opened = nil, time.Now(), took
}

// setDown notes why it is not.
func (t *Tier) setDown(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.down == nil || t.down.Error() != err.Error() {
		t.since = time.Now()
		t.logger.Warn("cache on disk not open", "dir", t.cfg.Dir, "err", err)
	}
	t.down = err
}
