package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	termRepeats = 5
	termRate    = 200 // requests a second
	termBefore  = 3 * time.Second
	termDrain   = 4 * time.Second
	termMargin  = 2 * time.Second // for the parts behind the gateway
	termStreams = 50              // half end by themselves within the drain, half never would
)

// measureTerm ends a server under load with SIGTERM.
//
// A short request has failed when its client, net/http's, gets an error or another status
// than 200, but for one case: after the signal no connection can be made (refused, or reset
// before it was there), so that nothing was sent, which sends a client behind any load
// balancer elsewhere. A request that was written to a connection as the server closed it
// has failed, unless net/http sends it again, as it does on connections that had answered
// before: then what becomes of it counts.
//
// A stream ends cleanly when all its events came. One that would go on for ever has to
// end by the drain deadline, and no sooner.
func measureTerm(ctx context.Context, r *rig) error {
	var all drained
	exits := 0
	for round := range r.times(termRepeats) {
		d, err := r.terminate(ctx)
		if err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
		r.progress("round %d: %d answered, %d refused afterwards, %d failed; streams: %d clean, %d cut at the deadline, %d bad; "+
			"ended %.1f s after the signal with code %d", round+1, d.answered, d.refused, d.failed,
			d.clean, d.cut, d.bad, d.took.Seconds(), d.code)
		all.add(d)
		if d.code == 0 {
			exits++
		}
	}
	rounds := r.times(termRepeats)
	note := fmt.Sprintf("%d × SIGTERM at %d requests/s: %d answered, %d refused after the signal", rounds, termRate, all.answered, all.refused)
	if all.firstErr != nil {
		note += ": " + all.firstErr.Error()
	}
	r.add(Row{Bar: "term: short requests that failed", Figure: float64(all.failed), Most: most(0), Note: note})
	r.add(Row{
		Bar: "term: streams that broke early", Figure: float64(all.bad), Most: most(0),
		Note: fmt.Sprintf("%d complete, %d ended at the drain deadline", all.clean, all.cut),
	})
	r.add(Row{
		Bar: "term: longest drain", Figure: all.took.Seconds(), Unit: "s", Most: most((termDrain + termMargin).Seconds()),
		Note: fmt.Sprintf("the deadline is %v", termDrain),
	})
	r.add(Row{Bar: "term: exits with code 0", Figure: float64(exits), Least: least(float64(rounds))})
	return nil
}

// drained is what a shutdown did to the clients.
type drained struct {
	answered, refused, failed int
	clean, cut, bad           int
	firstErr                  error
	took                      time.Duration
	code                      int
}

func (d *drained) add(o drained) {
	d.answered += o.answered
	d.refused += o.refused
	d.failed += o.failed
	d.clean += o.clean
	d.cut += o.cut
	d.bad += o.bad
	d.took = max(d.took, o.took)
	if d.firstErr == nil {
		d.firstErr = o.firstErr
	}
}

// terminate is one round.
func (r *rig) terminate(ctx context.Context) (drained, error) {
	direct, err := r.backend(ctx)
	if err != nil {
		return drained{}, err
	}
	p, err := r.serve(ctx, servers(direct), "cache.enabled=false", "gateway.drain_timeout="+termDrain.String())
	if err != nil {
		return drained{}, err
	}
	clients := newClients(p.gateway)
	defer clients.kept.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, termBefore+termDrain+time.Minute)
	defer cancel()
	var running sync.WaitGroup
	for n := range termStreams {
		running.Go(func() { clients.stream(ctx, n%2 == 0) })
	}
	if err := clients.awaitStreams(ctx, p); err != nil {
		return drained{}, err
	}
	short, stopShort := context.WithCancel(ctx)
	defer stopShort()
	running.Go(func() { clients.short(short, ctx) })
	if err := p.Pause(ctx, termBefore); err != nil {
		return drained{}, err
	}
	clients.signal()
	if err := p.Terminate(); err != nil {
		return drained{}, err
	}
	begun := time.Now()
	select {
	case <-p.Ended():
	case <-ctx.Done():
		return drained{}, errors.New("it did not end within a minute of the drain deadline")
	}
	took := time.Since(begun)
	stopShort()
	running.Wait()
	d := clients.tally()
	d.took, d.code = took, p.ExitCode()
	if clients.opened() != termStreams {
		return d, fmt.Errorf("only %d of %d streams were open", clients.opened(), termStreams)
	}
	return d, nil
}

// clients are those of a server that is about to end.
type clients struct {
	base string
	// kept keeps its connections, fresh makes one for each request.
	kept, fresh *http.Client

	mu       sync.Mutex // guards the fields below
	signaled time.Time  // zero before the signal
	open     int
	drained
}

func newClients(addr string) *clients {
	return &clients{
		base:  "http://" + addr,
		kept:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		fresh: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

// short sends requests until ctx ends, every other one on a new connection, and waits for
// their answers, which within bounds.
func (c *clients) short(ctx, within context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(time.Second / termRate)
	defer tick.Stop()
	for n := 0; ; n++ {
		client := c.kept
		if n%2 == 0 {
			client = c.fresh
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			all.Go(func() { c.count(c.get(within, client)) })
		}
	}
}

func (c *clients) get(ctx context.Context, client *http.Client) error {
	resp, err := c.ask(ctx, client, "/item?us=10000")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func (c *clients) ask(ctx context.Context, client *http.Client, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	return resp, nil
}

func (c *clients) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.answered++
	case unsent(err) && !c.signaled.IsZero():
		c.refused++
	default:
		c.failed++
		c.firstErr = err
	}
}

// unsent reports whether there was no connection to send on.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" && (errors.Is(op, syscall.ECONNREFUSED) || errors.Is(op, syscall.ECONNRESET))
}

// Streams that end within the drain take about five seconds from before the signal on.
const (
	finiteEvents = 100
	finitePath   = "/stream?n=100&us=50000"
	endlessPath  = "/stream?n=100000&us=50000"
)

// stream reads one stream to its end and judges it.
func (c *clients) stream(ctx context.Context, finite bool) {
	path := endlessPath
	if finite {
		path = finitePath
	}
	resp, err := c.ask(ctx, c.kept, path)
	if err != nil {
		c.judge(false, finite, err)
		return
	}
	defer resp.Body.Close()
	c.mu.Lock()
	c.open++
	c.mu.Unlock()
	events, err := load.Events(ctx, resp.Body)
	c.judge(events == finiteEvents, finite, err)
}

func (c *clients) judge(complete, finite bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case finite && complete && err == nil:
		c.clean++
	case !finite && !c.signaled.IsZero() && time.Since(c.signaled) > termDrain-100*time.Millisecond:
		c.cut++
	default:
		c.bad++
		if c.firstErr == nil {
			c.firstErr = fmt.Errorf("stream: %w", errors.Join(err, errors.New("ended early")))
		}
	}
}

// awaitStreams returns when every stream is open or has failed.
func (c *clients) awaitStreams(ctx context.Context, p *product) error {
	for {
		c.mu.Lock()
		done := c.open+c.bad >= termStreams
		c.mu.Unlock()
		if done {
			return nil
		}
		if err := p.Pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the streams: %w", err)
		}
	}
}

func (c *clients) signal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signaled = time.Now()
}

func (c *clients) opened() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

func (c *clients) tally() drained {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drained
}
