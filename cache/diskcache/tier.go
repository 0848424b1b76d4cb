package diskcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
)

const (
	// SlowRead is how long a read may take; after a few in a row that took longer, nobody reads for
	// a second.
	SlowRead = 50 * time.Millisecond

	slowReads   = 3
	slowPause   = time.Second
	maxReads    = 64              // at the same time
	maxHot      = 256             // records that wait to be written again
	syncEvery   = time.Second     // and with it what is not durable
	reopenEvery = 5 * time.Second // after a failure
)

var (
	errNotOpen = errors.New("not open yet")
	errSlow    = errors.New("the disk is slow")
)

// Tier is a [cache.Remote] in a directory. Its methods may be called at the same time.
type Tier struct {
	cfg    Config
	logger *slog.Logger
	counts counters
	log    atomic.Pointer[log] // nil: not open
	tried  chan struct{}       // closed when opening was tried once
	reads  chan struct{}
	hot    chan hot
	// slow counts slow reads in a row, slowUntil is when reading may go on, in nanoseconds since 1970.
	slow, slowUntil atomic.Int64

	writing sync.Mutex // held by what writes, opens and closes
	dirty   bool       // something was written since the last synchronisation; writing guards it

	mu     sync.Mutex // guards the fields below
	since  time.Time
	down   error // why it is not open
	opened time.Duration
}

// hot is a record that is read and will soon leave.
type hot struct {
	key string
	place
}

var _ cache.Remote = (*Tier)(nil)

// New returns a tier, or the faults of cfg. It opens nothing. A nil logger discards.
func New(cfg Config, logger *slog.Logger) (*Tier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return newTier(cfg.WithDefaults(), logger), nil
}

func newTier(cfg Config, logger *slog.Logger) *Tier {
	return &Tier{
		cfg: cfg, logger: logger, since: time.Now(), down: errNotOpen,
		tried: make(chan struct{}), reads: make(chan struct{}, maxReads), hot: make(chan hot, maxHot),
	}
}

// Run implements [cache.Remote]: it opens the directory, and closes it when ctx ends. The feed
// lives from then on, open or not: there are no other processes whose messages could be missing.
// A tier runs once.
func (t *Tier) Run(ctx context.Context, feed cache.Feed) error {
	defer t.close()
	t.open(false)
	close(t.tried)
	feed.Live()
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	tried := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case h := <-t.hot:
			t.rewrite(h)
		case <-ticker.C:
			t.sync()
			if t.log.Load() == nil && time.Since(tried) >= reopenEvery {
				tried = time.Now()
				t.open(true) // what was invalidated meanwhile is not known there
			}
		}
	}
}

// open opens the directory, if it can be.
func (t *Tier) open(fresh bool) {
	t.writing.Lock()
	defer t.writing.Unlock()
	began := time.Now()
	l, err := open(t.cfg, &t.counts, t.logger, fresh)
	if err != nil {
		t.setDown(err)
		return
	}
	t.log.Store(l)
	t.setUp(time.Since(began))
	t.logger.Info("cache on disk open", "dir", t.cfg.Dir, "entries", len(l.index), "took_ms", time.Since(began).Milliseconds())
}

func (t *Tier) close() {
	t.writing.Lock()
	defer t.writing.Unlock()
	l := t.log.Swap(nil)
	if l == nil {
		return
	}
	if err := l.close(); err != nil {
		t.logger.Warn("cache on disk not closed well", "err", err)
	}
	t.setDown(errNotOpen)
}

// Lookup implements [cache.Remote].
func (t *Tier) Lookup(ctx context.Context, key string, names []string) (cache.RemoteView, error) {
	view := cache.RemoteView{Generations: make([]string, len(names))}
	if err := ctx.Err(); err != nil {
		return view, err
	}
	l := t.log.Load()
	if l == nil {
		return view, cache.ErrRemoteUnavailable
	}
	p, found := l.look(key, names, view.Generations)
	if key == "" || !found {
		return view, nil
	}
	r, err := t.read(p)
	switch {
	case errors.Is(err, os.ErrClosed) && t.log.Load() == l:
		return view, nil // its file has just left
	case errors.Is(err, errDamaged):
		t.counts.malformed.Add(1)
		l.lose(key, p)
		return view, nil
	case err != nil:
		return view, fmt.Errorf("%w: %w", cache.ErrRemoteUnavailable, err)
	case r.key != key || r.over(time.Now()):
		return view, nil
	}
	view.Version = r.version
	if r.kind == kindValue {
		view.Value = r.value
		t.warm(l, key, p)
	}
	return view, nil
}

// look finds a key and the generations of names at one moment. It makes those that there are not.
func (l *log) look(key string, names, generations []string) (place, bool) {
	missing := false
	l.mu.RLock()
	p, found := l.index[hash(key)]
	for i, name := range names {
		generations[i] = l.names.get(name)
		missing = missing || generations[i] == ""
	}
	l.mu.RUnlock()
	if missing {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, name := range names {
			if generations[i] == "" {
				generations[i] = l.names.make(name)
			}
		}
	}
	return p, found
}

// lose forgets a place that cannot be read.
func (l *log) lose(key string, p place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := hash(key); l.index[h] == p {
		delete(l.index, h)
	}
}

// read reads a record, unless too many do or the disk is slow.
func (t *Tier) read(p place) (record, error) {
	began := time.Now()
	if began.UnixNano() < t.slowUntil.Load() {
		return record{}, errSlow
	}
	select {
	case t.reads <- struct{}{}:
	default:
		return record{}, errSlow
	}
	defer func() { <-t.reads }()
	r, err := p.read()
	t.took(began, time.Now())
	return r, err
}

// took looks at how long a read took.
func (t *Tier) took(began, ended time.Time) {
	if ended.Sub(began) <= SlowRead {
		t.slow.Store(0)
		return
	}
	t.counts.slow.Add(1)
	if t.slow.Add(1) >= slowReads {
		t.slowUntil.Store(ended.Add(slowPause).UnixNano())
	}
}

// warm has a record written again that is in the older half of the files.
func (t *Tier) warm(l *log, key string, p place) {
	l.mu.RLock()
	old := len(l.segs) > 1 && p.seg.number < l.segs[len(l.segs)/2].number
	l.mu.RUnlock()
	if !old || l.bytesUsed() < t.cfg.MaxBytes/2 {
		return
	}
	select {
	case t.hot <- hot{key, p}:
	default: // it will be read again
	}
}

func (l *log) bytesUsed() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.bytes
}

// rewrite writes a record again, if it is still what its key has.
func (t *Tier) rewrite(h hot) {
	t.writing.Lock()
	defer t.writing.Unlock()
	l := t.log.Load()
	if l == nil {
		return
	}
	if p, ok := l.find(h.key); !ok || p != h.place {
		return
	}
	r, err := h.read()
	if err != nil || r.over(time.Now()) {
		return // the next lookup finds out
	}
	if err := t.write(l, []record{r}, false); err == nil {
		t.counts.promoted.Add(1)
	}
}

// Apply implements [cache.Remote]. Messages go nowhere: there is no other process. It waits until
// the directory was opened.
func (t *Tier) Apply(ctx context.Context, ops []cache.RemoteOp) []error {
	errs := make([]error, len(ops))
	select {
	case <-t.tried:
	case <-ctx.Done():
		return all(errs, ctx.Err())
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	l := t.log.Load()
	if l == nil {
		return all(errs, cache.ErrRemoteUnavailable)
	}
	a := applying{
		log: l, now: time.Now(), versions: map[string]string{}, generations: map[string]string{},
	}
	for i, op := range ops {
		errs[i] = a.apply(op)
	}
	if len(a.records) == 0 {
		return errs
	}
	if err := t.write(l, a.records, a.durable); err != nil {
		return all(errs, fmt.Errorf("%w: %w", cache.ErrRemoteUnavailable, err))
	}
	return errs
}

func all(errs []error, err error) []error {
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// write writes records. When that fails it makes room and tries again; when it fails again all
// is removed, so that nothing comes back of what should have been forgotten.
func (t *Tier) write(l *log, records []record, durable bool) error {
	err := l.append(records, durable)
	if err != nil {
		t.counts.failed.Add(1)
		if err = l.relieve(); err == nil {
			err = l.append(records, durable)
		}
	}
	if err != nil {
		t.fail(l, err)
		return err
	}
	t.dirty = !durable
	return nil
}

// sync synchronises what is not durable yet.
func (t *Tier) sync() {
	t.writing.Lock()
	defer t.writing.Unlock()
	l := t.log.Load()
	if l == nil || !t.dirty {
		return
	}
	if err := l.sync(); err != nil {
		t.counts.failed.Add(1)
		t.fail(l, err)
		return
	}
	t.dirty = false
}

// fail gives a log up that cannot be written.
func (t *Tier) fail(l *log, err error) {
	t.log.Store(nil)
	t.logger.Warn("cache on disk fails; memory serves alone", "dir", t.cfg.Dir, "err", err)
	if left := l.wipe(); left != nil {
		err = errors.Join(err, left)
		t.logger.Error("cache on disk cannot be removed; remove the directory before the next start",
			"dir", t.cfg.Dir, "err", left)
	}
	l.abandon()
	t.setDown(err)
}
