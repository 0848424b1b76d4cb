package capture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/pprof/profile"
)

const (
	// maxWaiting and maxAtOnce bound captures that wait, and that run of this process and of targets.
	maxWaiting = 16
	maxAtOnce  = 4
	watchEvery = 5 * time.Second
)

// Recorder takes captures and keeps them in a directory of its own. A nil *Recorder is valid and
// has none. All methods may be called at any time from any goroutine; captures run while
// [Recorder.Run] does.
type Recorder struct {
	cpu     CPUProfiler
	fetcher *http.Client
	watch   *watch
	costs   *Attributor // nil without a profiler
	wake    chan struct{}

	store *store

	mu      sync.Mutex // guards the fields below
	cfg     Config
	all     []*Capture // oldest first
	running map[lane]bool
	stats   Stats
	closed  bool
}

// Open reads the captures in dir, which it makes; nothing else may write there. It starts nothing.
func Open(dir string, cfg Config, signals Signals) (*Recorder, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	files, found, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		fetcher: newFetcher(), wake: make(chan struct{}, 1), store: files, cfg: cfg.WithDefaults(),
		running: map[lane]bool{}, watch: newWatch(signals),
	}
	if signals.Profiler != nil {
		r.costs = NewAttributor(signals.Profiler, &r.cpu)
	}
	for _, c := range found {
		r.all = append(r.all, &c)
		r.stats.SizeBytes += c.SizeBytes
	}
	if err := r.evict(nil); err != nil {
		return nil, errors.Join(err, files.root.Close())
	}
	return r, nil
}

// Apply changes the configuration; it fails only on an invalid one, and then changes nothing.
func (r *Recorder) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil || r == nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg = cfg.WithDefaults()
	return nil // the bounds hold from the next capture on
}

// Close lets go of the directory, after Run has returned. It is idempotent.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	return r.store.root.Close()
}

// Start asks for a capture and returns at once. The error is a [*RequestError], or [ErrFull].
func (r *Recorder) Start(req Request) (Started, error) {
	return r.start(req, Capture{Reason: "on demand"})
}

func (r *Recorder) start(req Request, c Capture) (Started, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	req, err := req.complete(r.cfg.Targets)
	if err != nil {
		return Started{}, err
	}
	waiting := 0
	for _, other := range r.all {
		if other.ended() {
			continue
		}
		if other.Kind == req.Kind && other.Target == req.Target && covers(other, req) {
			return Started{*other, true}, nil
		}
		if other.State == Queued {
			waiting++
		}
	}
	if waiting >= maxWaiting {
		return Started{}, ErrFull
	}
	c.Created = time.Now().UTC()
	c.ID, c.Kind, c.Target, c.Seconds, c.State = newID(req.Kind, c.Created), req.Kind, req.Target, req.Seconds, Queued
	r.all = append(r.all, &c)
	r.poke()
	return Started{c, false}, nil
}

// covers tells whether c answers req: it lasts as long, and allocs since start are no span.
func covers(c *Capture, req Request) bool {
	return c.Seconds >= req.Seconds && (c.Seconds == 0) == (req.Seconds == 0)
}

// poke has Run look for work.
func (r *Recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it is about to look
	}
}

// Run takes captures until ctx ends. It returns nil after all of them have stopped; those that
// were under way have failed.
func (r *Recorder) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	if r.costs != nil {
		wg.Go(func() { r.attribute(ctx) })
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		r.dispatch(ctx, &wg)
		select {
		case <-ctx.Done():
			wg.Wait()
			r.abandon()
			r.fetcher.CloseIdleConnections()
			return nil
		case <-r.wake:
		case now := <-tick.C:
			r.look(now)
		}
	}
}

// dispatch begins what waits and has its lane free.
func (r *Recorder) dispatch(ctx context.Context, wg *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	atOnce := map[bool]int{} // by whether it is of a target
	for l := range r.running {
		atOnce[l.target != ""]++
	}
	for _, c := range r.all {
		l := c.lane()
		if c.State != Queued || r.running[l] || atOnce[l.target != ""] >= maxAtOnce || ctx.Err() != nil {
			continue
		}
		c.State, c.Started = Running, time.Now().UTC()
		r.running[l] = true
		atOnce[l.target != ""]++
		address, id, req := r.cfg.Targets[c.Target], c.ID, Request{c.Kind, c.Seconds, c.Target}
		wg.Go(func() {
			data, err := r.take(ctx, req, address)
			r.finish(id, data, err)
		})
	}
}

// take captures; a panic on the way is its failure.
func (r *Recorder) take(ctx context.Context, req Request, address string) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("capture: panicked: %v\n%s", p, debug.Stack())
		}
	}()
	switch {
	case req.Target == "":
		return r.local(ctx, req)
	case address == "":
		return nil, fmt.Errorf("capture: target %s is no longer configured", req.Target)
	}
	return r.fetch(ctx, req, address)
}

// finish keeps what was captured and makes room for it.
func (r *Recorder) finish(id string, data []byte, err error) {
	r.mu.Lock()
	c := r.find(id) // stays until it has ended
	ended, most := *c, r.cfg.MaxBytes
	r.mu.Unlock()
	ended.State, ended.Finished, ended.SizeBytes = Done, time.Now().UTC(), int64(len(data))
	if err == nil && ended.SizeBytes > most {
		err = fmt.Errorf("capture: its %d bytes are more than profiler.capture.max_bytes", ended.SizeBytes)
	}
	if err == nil {
		err = r.store.write(ended, data)
	}
	if err != nil {
		ended.State, ended.Error, ended.SizeBytes = Failed, err.Error(), 0
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	*c = ended
	delete(r.running, c.lane())
	if c.State == Failed {
		r.stats.Failed++
	} else {
		r.stats.Taken++
		r.stats.SizeBytes += c.SizeBytes
	}
	if err := r.evict(c); err != nil && c.Error == "" {
		c.Error = err.Error() // it is there; an older one could not go
	}
	r.poke()
}

// evict removes the oldest captures that have ended, but not keep, until the bounds hold.
func (r *Recorder) evict(keep *Capture) error {
	for i := 0; i < len(r.all); {
		c := r.all[i]
		if len(r.all) <= r.cfg.MaxCaptures && r.stats.SizeBytes <= r.cfg.MaxBytes {
			return nil
		}
		if c == keep || !c.ended() {
			i++
			continue
		}
		if err := r.drop(i); err != nil {
			return err
		}
		r.stats.Evicted++
	}
	return nil
}

// drop forgets the capture at i and its files.
func (r *Recorder) drop(i int) error {
	c := r.all[i]
	if err := r.store.remove(*c); err != nil {
		return err
	}
	r.stats.SizeBytes -= c.SizeBytes
	r.all = append(r.all[:i], r.all[i+1:]...)
	return nil
}

func (r *Recorder) find(id string) *Capture {
	for _, c := range r.all {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// abandon fails what still waits when Run ends.
func (r *Recorder) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.all {
		if c.State == Queued {
			c.State, c.Error, c.Finished = Failed, "capture: stopped before it began", time.Now().UTC()
			r.stats.Failed++
		}
	}
}

// Remove deletes a capture that has ended; [ErrUnknown] and [ErrNotDone] say why it could not.
func (r *Recorder) Remove(id string) error {
	if r == nil {
		return ErrUnknown
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.all {
		switch {
		case c.ID != id:
		case !c.ended():
			return ErrNotDone
		default:
			return r.drop(i)
		}
	}
	return ErrUnknown
}

// Captures lists what is kept and under way, newest first.
func (r *Recorder) Captures() []Capture {
	if r == nil {
		return []Capture{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Capture, 0, len(r.all))
	for i := len(r.all) - 1; i >= 0; i-- {
		list = append(list, *r.all[i])
	}
	return list
}

// Data is what was captured, to be kept as [Capture.File]. The error is [ErrUnknown], [ErrNotDone] or
// [ErrFailed], or that of the disk.
func (r *Recorder) Data(id string) (Capture, []byte, error) {
	if r == nil {
		return Capture{}, nil, ErrUnknown
	}
	r.mu.Lock()
	found := r.find(id)
	if found == nil {
		r.mu.Unlock()
		return Capture{}, nil, ErrUnknown
	}
	c := *found
	r.mu.Unlock()
	switch c.State {
	case Done:
	case Failed:
		return c, nil, fmt.Errorf("%w: %s", ErrFailed, c.Error)
	default:
		return c, nil, ErrNotDone
	}
	data, err := r.store.read(c)
	if errors.Is(err, fs.ErrNotExist) {
		return Capture{}, nil, ErrUnknown // made room just now
	}
	return c, data, err
}

// Profile is a capture as a profile; for an execution trace the error is [ErrNoStacks].
func (r *Recorder) Profile(id string) (Capture, *profile.Profile, error) {
	c, data, err := r.Data(id)
	if err != nil {
		return c, nil, err
	}
	if c.Kind == Trace {
		return c, nil, ErrNoStacks
	}
	p, err := Parse(data)
	return c, p, err
}

// Stats describes the recorder; a nil one is not enabled.
func (r *Recorder) Stats() Stats {
	if r == nil {
		return Stats{Targets: []string{}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Enabled, s.MaxBytes, s.Targets, s.Running = true, r.cfg.MaxBytes, sortedKeys(r.cfg.Targets), len(r.running)
	for _, c := range r.all {
		switch c.State {
		case Done:
			s.Kept++
		case Queued:
			s.Queued++
		}
	}
	return s
}
