package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	apiLength  = 60 * time.Second
	apiRate    = 40 // requests a second, over all routes
	apiWarm    = 15 * time.Second
	apiAtATime = 16
	apiShown   = 5
	// apiLagMost is how late the p99 of the questions may be asked: more, and the machine is
	// busy with something else.
	apiLagMost  = 20 * time.Millisecond
	apiDemoRate = 200
)

// measureAPI asks every route that reads, and the harmless ones that act, in turn, while
// the demo carries its traffic.
func measureAPI(ctx context.Context, r *rig) error {
	s, err := r.newSetup(ctx, []string{"demo", "--rate", strconv.Itoa(apiDemoRate)})
	if err != nil {
		return err
	}
	p, err := r.launch(s)
	if err != nil {
		return err
	}
	if _, err := p.live(ctx, time.Now()); err != nil {
		return err
	}
	if err := p.Pause(ctx, r.length(apiWarm)); err != nil { // history and functions to ask for
		return err
	}
	questions, skipped, err := p.questions(ctx)
	if err != nil {
		return err
	}
	r.progress("asking %d routes for %v; left out: %s", len(questions), r.length(apiLength), strings.Join(skipped, ", "))
	requests := func() (n float64, err error) {
		var stats struct {
			Stats struct {
				Total float64 `json:"total_requests"`
			} `json:"stats"`
		}
		err = p.fetch(ctx, base+"/load-balancer/stats", &stats)
		return stats.Stats.Total, err
	}
	before, err := requests()
	if err != nil {
		return err
	}
	begun := time.Now()
	answers, lag, err := p.ask(ctx, questions, r.length(apiLength))
	if err != nil {
		return err
	}
	took := time.Since(begun)
	after, err := requests()
	if err != nil {
		return err
	}
	r.reportAPI(answers, lag > apiLagMost, fmt.Sprintf("%d routes; the balancer carried %.0f requests/s; asked late p99 %s ms",
		len(questions), (after-before)/took.Seconds(), number(milliseconds(lag))))
	return nil
}

// question is one request for a route.
type question struct {
	route        string
	method, path string
	body         any
	// stream is a route whose answer does not end: the headers count.
	stream bool
}

// answered is what a route answered.
type answered struct {
	route     string
	latencies load.Sample
	failed    int
	failure   error
}

// ask sends the questions in turn, at an even rate, and returns the answers by route, the
// slowest first, and the p99 of how late they were asked.
func (p *product) ask(ctx context.Context, questions []question, length time.Duration) (
	answers []*answered, late time.Duration, err error,
) {
	var lag load.Sample
	byRoute := map[string]*answered{}
	var mu sync.Mutex // guards byRoute
	var all sync.WaitGroup
	free := make(chan struct{}, apiAtATime)
	tick := time.NewTicker(time.Second / apiRate)
	defer tick.Stop()
	defer all.Wait()
	for n := range int(length.Seconds() * apiRate) {
		q := questions[n%len(questions)]
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case at := <-tick.C:
			lag = append(lag, time.Since(at))
		}
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			took, err := p.put(ctx, q)
			mu.Lock()
			defer mu.Unlock()
			a := byRoute[q.route]
			if a == nil {
				a = &answered{route: q.route}
				byRoute[q.route] = a
			}
			if err != nil {
				a.failed, a.failure = a.failed+1, err
				return
			}
			a.latencies = append(a.latencies, took)
		})
	}
	all.Wait()
	answers = slices.SortedFunc(maps.Values(byRoute), func(a, b *answered) int {
		return cmp.Compare(b.latencies.Quantile(.99), a.latencies.Quantile(.99))
	})
	return answers, lag.Quantile(.99), ctx.Err()
}

// put asks a question and returns how long the answer took.
func (p *product) put(ctx context.Context, q question) (time.Duration, error) {
	begun := time.Now()
	if !q.stream {
		_, err := p.call(ctx, q.method, q.path, q.body)
		return time.Since(begun), err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := p.request(ctx, q.method, q.path)
	if err != nil {
		return 0, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, &statusError{code: resp.StatusCode}
	}
	_, err = io.ReadFull(resp.Body, make([]byte, 1))
	return time.Since(begun), err
}

func (r *rig) reportAPI(answers []*answered, noisy bool, note string) {
	var all load.Sample
	var worstP50, worstP99 *answered
	failed, failures := 0, []string{}
	for _, a := range answers {
		all = append(all, a.latencies...)
		if a.failed > 0 {
			failed += a.failed
			failures = append(failures, fmt.Sprintf("%d × %s: %v", a.failed, a.route, a.failure))
		}
		if worstP50 == nil || a.latencies.Quantile(.5) > worstP50.latencies.Quantile(.5) {
			worstP50 = a
		}
		if worstP99 == nil || a.latencies.Quantile(.99) > worstP99.latencies.Quantile(.99) {
			worstP99 = a
		}
	}
	for _, row := range []Row{
		{Bar: "api: p50 over all routes", Figure: milliseconds(all.Quantile(.5)), Most: most(25), Note: note},
		{Bar: "api: p99 over all routes", Figure: milliseconds(all.Quantile(.99)), Most: most(200)},
		{Bar: "api: p50 of the slowest route", Figure: milliseconds(worstP50.latencies.Quantile(.5)), Most: most(25), Note: worstP50.route},
		{Bar: "api: p99 of the slowest route", Figure: milliseconds(worstP99.latencies.Quantile(.99)), Most: most(200), Note: worstP99.route},
	} {
		row.Unit, row.Noisy = "ms", noisy
		r.add(row)
	}
	r.add(Row{Bar: "api: answers other than 2xx", Figure: float64(failed), Most: most(0), Note: oneLine(strings.Join(failures, "; "))})
	for _, a := range answers[:min(apiShown, len(answers))] {
		r.add(Row{
			Bar: "api: " + a.route, Figure: milliseconds(a.latencies.Quantile(.99)), Unit: "ms",
			Note: fmt.Sprintf("p99 of %d; p50 %s", len(a.latencies), number(milliseconds(a.latencies.Quantile(.5)))),
		})
	}
}
