package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/rediscache"
	"github.com/sentientcore/upshift/internal/redistest"
)

const (
	outageCallers = 4
	outageLoad    = 2 * time.Millisecond // what a loader takes
	outageMost    = 5.0                  // milliseconds that a fault may add at p99
)

// outage is a fault of the network before a server, or commands that have the server refuse, or, with
// neither, the loss of a master that has a replica and a sentinel.
type outage struct {
	name     string
	fault    redistest.Fault
	commands []string
	failover bool
}

func outages() []outage {
	return []outage{
		{name: "refuse", fault: redistest.Fault{Refuse: true}},
		{name: "black hole", fault: redistest.Fault{Silent: true}},
		{name: "slow 200 ms", fault: redistest.Fault{Delay: 200 * time.Millisecond}},
		{name: "cut", fault: redistest.Fault{Cut: true}},
		{name: "garbage", fault: redistest.Fault{Say: []byte("\x00\xffHTTP/1.1 400 Bad Request\r\n\r\n")}},
		{name: "out of memory", commands: []string{"CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"}},
		{name: "read-only replica", commands: []string{"REPLICAOF 127.0.0.1 1"}},
		{name: "failover", failover: true},
	}
}

// measureOutage has callers load keys that nobody has, with a second tier and without one in turn, from
// the moment a fault begins. What it adds is the one's p99 less the other's.
func measureOutage(ctx context.Context, r *rig) error {
	failed := 0
	for _, o := range outages() {
		row, errs, err := r.outage(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
		failed += errs
		r.add(row)
	}
	r.add(Row{Bar: "outage: errors that reached callers", Figure: float64(failed), Most: most(0)})
	return nil
}

func (r *rig) outage(ctx context.Context, o outage) (_ Row, failed int, err error) {
	stage, err := setStage(ctx, o)
	if err != nil {
		return Row{}, 0, err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	with, stop, err := sharedCache(ctx, stage.url)
	if err != nil {
		return Row{}, 0, err
	}
	defer stop()
	without, err := aloneCache()
	if err != nil {
		return Row{}, 0, err
	}
	if err := stage.begin(ctx, o); err != nil {
		return Row{}, 0, err
	}
	a, b, failed := loadBoth(ctx, with, without, r.length(8*time.Second))
	if ctx.Err() != nil {
		return Row{}, 0, ctx.Err()
	}
	if len(a) == 0 || len(b) == 0 {
		return Row{}, 0, errors.New("nothing was loaded")
	}
	p99 := func(d []time.Duration) float64 { return milliseconds(d[len(d)*99/100]) }
	return Row{
		Bar: "outage: " + o.name + " adds at p99", Figure: max(p99(a)-p99(b), 0), Unit: "ms", Most: most(outageMost),
		Noisy: p99(b) > milliseconds(outageLoad)+outageMost, // what has no tier was as late
		Note:  fmt.Sprintf("with %.1f, without %.1f, worst %.1f, %d loads", p99(a), p99(b), milliseconds(a[len(a)-1]), len(a)),
	}, failed, nil
}

// loadBoth is how long loads took with and without the tier, sorted, and how many failed.
func loadBoth(ctx context.Context, with, without *cache.Cache[string], length time.Duration) (a, b []time.Duration, failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	end := time.Now().Add(length)
	for caller := range outageCallers {
		all.Go(func() {
			for i := 0; time.Now().Before(end) && ctx.Err() == nil; i++ {
				key := strconv.Itoa(caller) + "/" + strconv.Itoa(i)
				first, err1 := loadTime(ctx, with, key)
				second, err2 := loadTime(ctx, without, key)
				mu.Lock()
				if err1 != nil || err2 != nil {
					failed++
				}
				a, b = append(a, first), append(b, second)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(a)
	slices.Sort(b)
	return a, b, failed
}

func loadTime(ctx context.Context, c *cache.Cache[string], key string) (time.Duration, error) {
	began := time.Now()
	_, err := c.GetOrLoad(ctx, key, func(ctx context.Context) (string, error) {
		timer := time.NewTimer(outageLoad)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return key, ctx.Err()
	})
	return time.Since(began), err
}

func aloneCache() (*cache.Cache[string], error) {
	group, err := cache.New(cache.Config{})
	if err != nil {
		return nil, err
	}
	return cache.Named(group, "answers", cache.Options[string]{})
}

// sharedCache is one over the server at a URL, connected, until stop.
func sharedCache(ctx context.Context, url string) (_ *cache.Cache[string], stop func(), err error) {
	remote, err := rediscache.New(rediscache.Config{URL: url}, nil)
	if err != nil {
		return nil, nil, err
	}
	group, err := cache.NewShared(cache.Config{}, remote)
	if err != nil {
		return nil, nil, err
	}
	c, err := cache.Named(group, "answers", cache.Options[string]{Codec: cache.JSON[string]{Version: "1"}})
	if err != nil {
		return nil, nil, err
	}
	running, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() { _ = group.Run(running) }) // it returns nil when its context ends
	stop = func() {
		cancel()
		ended.Wait()
	}
	err = await(ctx, "the connection to the server", func() bool { return group.Stats().Redis.Connected })
	if err != nil {
		stop()
	}
	return c, stop, err
}

// await polls until a condition holds, for ten seconds at most.
func await(ctx context.Context, what string, holds func() bool) error {
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-bounded.Done():
			return fmt.Errorf("await %s: %w", what, bounded.Err())
		}
	}
	return nil
}

// stage is what a fault happens to.
type stage struct {
	servers []*redistest.Server
	proxy   *redistest.Proxy
	url     string
}

func setStage(ctx context.Context, o outage) (_ *stage, err error) {
	s := &stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	master, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	if !o.failover {
		s.proxy, err = redistest.NewProxy(master.Addr())
		if err != nil {
			return nil, err
		}
		s.url = s.proxy.URL()
		return s, nil
	}
	if _, err := s.start(ctx, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.Port()), "--repl-diskless-sync-delay", "0"); err != nil {
		return nil, err
	}
	sentinel, err := redistest.NewSentinel(ctx, "main", master)
	if err != nil {
		return nil, err
	}
	s.servers = append(s.servers, sentinel)
	s.url = "redis+sentinel://" + sentinel.Addr() + "?master_set=main"
	return s, await(ctx, "the replica", func() bool {
		info, err := sentinel.Do(ctx, "INFO", "sentinel")
		return err == nil && strings.Contains(info, "slaves=1")
	})
}

func (s *stage) start(ctx context.Context, settings ...string) (*redistest.Server, error) {
	server, err := redistest.StartServer(ctx, settings...)
	if err == nil {
		s.servers = append(s.servers, server)
	}
	return server, err
}

func (s *stage) begin(ctx context.Context, o outage) error {
	if o.failover {
		return s.servers[0].Kill()
	}
	for _, command := range o.commands {
		if _, err := s.servers[0].Do(ctx, strings.Fields(command)...); err != nil {
			return err
		}
	}
	s.proxy.Set(o.fault)
	return nil
}

func (s *stage) close() error {
	if s.proxy != nil {
		s.proxy.Stop()
	}
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Stop())
	}
	return errors.Join(errs...)
}
