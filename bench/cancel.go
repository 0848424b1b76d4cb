package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	cancelRequests = 100_000
	cancelClients  = 64
	cancelLatest   = 40 * time.Millisecond // the answers take ten and what the queue takes
)

// measureCancel has clients give their requests up, each at another moment: before it is sent, while
// the server works, in the middle of a stream.
func measureCancel(ctx context.Context, r *rig) error {
	p, _, err := r.trio(ctx)
	if err != nil {
		return err
	}
	crowd := newCrowd(p.gateway)
	if err := crowd.run(ctx, 2*time.Second, chaosRate); err != nil {
		return err
	}
	before, err := p.balance(ctx)
	if err != nil {
		return err
	}
	n := r.times(cancelRequests)
	gaveUp, err := r.giveUp(ctx, crowd, n)
	if err != nil {
		return err
	}
	crowd.close()
	after, err := p.settle(ctx, before)
	if err != nil {
		return err
	}
	r.add(Row{Bar: "cancel: requests given up", Figure: float64(gaveUp), Note: fmt.Sprintf("of %d; the others were answered before", n)})
	r.leftovers(before, after)
	return nil
}

// giveUp makes requests that end after a random time and returns how many had no answer by then.
func (r *rig) giveUp(ctx context.Context, c *crowd, n int) (gaveUp int64, err error) {
	var next, ended atomic.Int64
	var faults errorList
	var all sync.WaitGroup
	for range cancelClients {
		all.Go(func() {
			for next.Add(1) <= int64(n) && ctx.Err() == nil {
				after := time.Duration(rand.Int64N(int64(cancelLatest)))
				short, stop := context.WithTimeout(ctx, after)
				err := c.get(short, http.MethodGet, "/item?us=10000", nil)
				if rand.IntN(4) == 0 && err == nil {
					err = c.stream(short)
				}
				gone := short.Err() != nil
				stop()
				switch {
				case err != nil && gone:
					ended.Add(1)
				case err != nil:
					faults.add(err)
				}
			}
		})
	}
	all.Wait()
	return ended.Load(), errors.Join(ctx.Err(), faults.first())
}

// errorList keeps the first error.
type errorList struct {
	mu  sync.Mutex // guards the field below
	err error
}

func (l *errorList) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

func (l *errorList) first() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
