package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	crowdPatience = 10 * time.Second
	crowdMost     = 4096 // requests under way
	crowdEvents   = 5    // of a stream
)

// tally is what became of a crowd's requests.
type tally struct {
	safe, safeFailed     int
	unsafe, unsafeFailed int
	slowest              time.Duration
	firstErr             error
}

// crowd sends requests of all kinds, each when it is due, whatever became of those before.
type crowd struct {
	base   string
	client *http.Client
	places chan struct{}

	mu sync.Mutex // guards the field below
	t  tally
}

func newCrowd(addr string) *crowd {
	return &crowd{
		base:   "http://" + addr,
		client: &http.Client{Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}},
		places: make(chan struct{}, crowdMost),
	}
}

func (c *crowd) close() { c.client.CloseIdleConnections() }

func (c *crowd) tally() tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// forget begins to count anew.
func (c *crowd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = tally{}
}

// run sends so many requests a second for a time, and waits for their answers.
func (c *crowd) run(ctx context.Context, length time.Duration, perSecond int) error {
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case c.places <- struct{}{}:
		default:
			return fmt.Errorf("%d requests are under way", crowdMost)
		}
		all.Go(func() {
			defer func() { <-c.places }()
			c.one(ctx)
		})
	}
	return nil
}

// one sends a request: of ten, seven for a small answer, one for a stream, two POSTs.
func (c *crowd) one(ctx context.Context) {
	began, kind := time.Now(), rand.IntN(10)
	var err error
	switch {
	case kind < 7:
		err = c.get(ctx, http.MethodGet, "/item?us=20000", nil)
	case kind < 8:
		err = c.stream(ctx)
	default:
		err = c.get(ctx, http.MethodPost, "/item?us=20000", []byte(`{"q":"x"}`))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kind < 8 {
		c.t.safe++
		c.t.slowest = max(c.t.slowest, time.Since(began))
	} else {
		c.t.unsafe++
	}
	switch {
	case err == nil:
	case kind < 8:
		c.t.safeFailed++
		if c.t.firstErr == nil {
			c.t.firstErr = err
		}
	default:
		c.t.unsafeFailed++
	}
}

func (c *crowd) ask(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: status %s", method, path, resp.Status)
	}
	return resp, nil
}

func (c *crowd) get(ctx context.Context, method, path string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, crowdPatience)
	defer cancel()
	resp, err := c.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("%s %s: read: %w", method, path, err)
	}
	return nil
}

func (c *crowd) stream(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, crowdPatience)
	defer cancel()
	resp, err := c.ask(ctx, http.MethodGet, fmt.Sprintf("/stream?n=%d&us=2000", crowdEvents), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	events, err := load.Events(ctx, resp.Body)
	if events != crowdEvents {
		return errors.Join(err, fmt.Errorf("GET /stream: %d of %d events", events, crowdEvents))
	}
	return err
}
