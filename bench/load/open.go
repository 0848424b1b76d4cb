package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// openConns is the number of connections of an open loop. When all are busy, requests
// wait, and the wait counts.
const openConns = 64

// queue bounds the requests that are due and not yet sent. At 1,000 a second it fills
// when a target has not answered for a minute; then sending waits and the lag shows it.
const queue = 1 << 16

// Outcome is what an open loop saw.
type Outcome struct {
	// Latencies are counted from the time at which each request was due. Failed requests
	// are not in it.
	Latencies Sample
	// Lag is how much later than due each request was written: the generator's own part.
	Lag Sample
	// Sent counts all requests, Failed those without a complete 200.
	Sent, Failed int
	// FirstError is one of the failures.
	FirstError error
}

type result struct {
	latency, lag time.Duration
	err          error
}

// Open sends the arrivals to a target when they are due and waits for all answers. Every
// connection is made, and warmed by one request, before the first is due. Open returns
// early, with what it has, when ctx ends.
func Open(ctx context.Context, target Target, arrivals []Arrival) (Outcome, error) {
	if len(arrivals) == 0 {
		return Outcome{}, errors.New("open loop without arrivals")
	}
	requests := make([][]byte, len(arrivals))
	for i, a := range arrivals {
		requests[i] = request(target.Addr, a.Path)
	}
	conns, err := warm(ctx, target, openConns, requests[0])
	if err != nil {
		return Outcome{}, err
	}
	results := make([]result, len(arrivals))
	due := make(chan int, queue)
	start := make(chan time.Time, 1)
	var workers sync.WaitGroup
	for _, c := range conns {
		workers.Go(func() {
			defer c.close()
			began, ok := <-start
			if !ok {
				return
			}
			start <- began // for the next worker
			for i := range due {
				at := began.Add(arrivals[i].At)
				lag := time.Since(at)
				err := c.exchange(ctx, requests[i])
				results[i] = result{latency: time.Since(at), lag: lag, err: err}
			}
		})
	}
	sent, err := dispatch(ctx, arrivals, start, due)
	workers.Wait()
	return outcome(results[:sent]), errors.Join(err, ctx.Err())
}

// dispatch tells the workers the start and then each arrival when it is due.
func dispatch(ctx context.Context, arrivals []Arrival, start chan time.Time, due chan<- int) (sent int, err error) {
	defer close(due)
	clock, err := newClock()
	if err != nil {
		close(start)
		return 0, err
	}
	defer clock.release()
	start <- clock.start
	for i, a := range arrivals {
		if !clock.waitUntil(ctx, a.At) {
			return i, nil
		}
		due <- i
	}
	return len(arrivals), nil
}

// warm opens n connections and sends a request on each, all at once.
func warm(ctx context.Context, target Target, n int, req []byte) ([]*conn, error) {
	conns := make([]*conn, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range conns {
		conns[i] = &conn{addr: target.Addr}
		all.Go(func() { errs[i] = conns[i].exchange(ctx, req) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, c := range conns {
			c.close()
		}
		return nil, fmt.Errorf("warm up %s: %w", target.Name, err)
	}
	return conns, nil
}

func outcome(results []result) Outcome {
	o := Outcome{Sent: len(results)}
	for _, r := range results {
		o.Lag = append(o.Lag, r.lag)
		if r.err != nil {
			o.Failed++
			o.FirstError = r.err
			continue
		}
		o.Latencies = append(o.Latencies, r.latency)
	}
	return o
}
