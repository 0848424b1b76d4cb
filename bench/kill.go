package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	kills       = 20
	restartMost = 5 * time.Second
	// A life lasts so long after it is ready: a few beats of the store, ended anywhere in
	// the interval between two.
	lifeLeast, lifeMost = 1500 * time.Millisecond, 3500 * time.Millisecond
)

// measureKill kills a server under load again and again. A sample is acknowledged when a
// query has shown it; the next life must show it again, with the same time and value.
func measureKill(ctx context.Context, r *rig) error {
	direct, err := r.backend(ctx)
	if err != nil {
		return err
	}
	s, err := r.newSetup(ctx, []string{"serve"}, servers(direct), "metrics.collection_interval=1s")
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(9, 9))
	known := samples{}
	var slowest time.Duration
	restarts, lost := 0, 0
	for life := range r.times(kills) + 1 {
		begun := time.Now()
		p, err := r.launch(s)
		if err != nil {
			return err
		}
		if err := p.ready(ctx); err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
		took := time.Since(begun)
		if life > 0 {
			restarts++
			slowest = max(slowest, took)
			missing, err := p.missing(ctx, known)
			if err != nil {
				return fmt.Errorf("life %d: %w", life, err)
			}
			lost += missing
			r.progress("life %d: ready after %v, %d samples known, %d lost", life, round3(took), known.count(), missing)
		}
		length := lifeLeast + time.Duration(rng.Int64N(int64(lifeMost-lifeLeast)))
		if err := p.liveAndDie(ctx, length, known); err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
	}
	if known.count() == 0 {
		return errors.New("no sample was ever acknowledged")
	}
	r.add(Row{Bar: "kill9: restarts", Figure: float64(restarts), Least: least(float64(r.times(kills))), Note: "kill -9 at 200 requests/s"})
	r.add(Row{Bar: "kill9: slowest restart until ready", Figure: slowest.Seconds(), Unit: "s", Most: most(restartMost.Seconds())})
	r.add(Row{
		Bar: "kill9: acknowledged samples lost", Figure: float64(lost), Most: most(0),
		Note: fmt.Sprintf("of %d that a query had shown before a kill", known.count()),
	})
	return nil
}

// liveAndDie loads the server, reads its samples all the while, and kills it.
func (p *product) liveAndDie(ctx context.Context, length time.Duration, known samples) error {
	loaded, unload := context.WithCancel(ctx)
	served := make(chan int, 1)
	arrivals := load.Poisson(1, 200, time.Minute, func(*rand.Rand) string { return "/item?us=2000" })
	go func() {
		// The load goes on over the kill: its failures are meant.
		o, _ := load.Open(loaded, load.Target{Name: "upshift", Addr: p.gateway}, arrivals)
		served <- o.Sent - o.Failed
	}()
	err := p.read(ctx, length, known)
	p.Kill()
	unload()
	if n := <-served; err == nil && n == 0 {
		err = errors.New("the gateway served nothing")
	}
	return err
}

// read asks for the samples again and again. What an answer that came whole shows is
// acknowledged.
func (p *product) read(ctx context.Context, length time.Duration, known samples) error {
	for end := time.Now().Add(length); time.Now().Before(end); {
		if err := p.acknowledged(ctx, known); err != nil {
			return err
		}
		if err := p.Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// sample is one stored value.
type sample struct {
	series string
	at     float64 // Unix seconds
}

// samples are acknowledged values as text, exactly as they were shown.
type samples map[sample]string

func (s samples) count() int { return len(s) }

// ledger are the series that are looked at: all of our own.
const ledger = `{__name__=~"upshift_.+"}[1h]`

// acknowledged adds all samples that the server shows now.
func (p *product) acknowledged(ctx context.Context, to samples) error {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string    `json:"metric"`
				Values [][2]json.RawMessage `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	body, err := p.call(ctx, http.MethodGet, "/api/v1/query?"+url.Values{"query": {ledger}}.Encode(), nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read the samples: %w", err)
	}
	for _, series := range answer.Data.Result {
		name, err := json.Marshal(series.Metric) // keys are sorted
		if err != nil {
			return err
		}
		for _, v := range series.Values {
			var at float64
			if err := json.Unmarshal(v[0], &at); err != nil {
				return fmt.Errorf("read the time of a sample: %w", err)
			}
			to[sample{string(name), at}] = string(v[1])
		}
	}
	return nil
}

// missing counts the known samples that the server does not show, or shows otherwise.
func (p *product) missing(ctx context.Context, known samples) (int, error) {
	now := samples{}
	if err := p.acknowledged(ctx, now); err != nil {
		return 0, err
	}
	missing := 0
	for key, value := range known {
		if now[key] != value {
			missing++
		}
	}
	return missing, nil
}
