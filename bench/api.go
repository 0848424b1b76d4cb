package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sentientcore/upshift/bench/load"
)

const (
	apiLength   = 60 * time.Second
	apiRate     = 40 // requests a second, over all routes
	apiWarm     = 15 * time.Second
	apiAtATime  = 16
	apiShown    = 5
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
	answers, err := p.ask(ctx, questions, r.length(apiLength))
	if err != nil {
		return err
	}
	took := time.Since(begun)
	after, err := requests()
	if err != nil {
		return err
	}
	r.reportAPI(answers, fmt.Sprintf("%d routes; the balancer carried %.0f requests/s", len(questions), (after-before)/took.Seconds()))
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

// ask sends the questions in turn, at an even rate, and returns the answers by route.
func (p *product) ask(ctx context.Context, questions []question, length time.Duration) ([]*answered, error) {
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
			return nil, ctx.Err()
		case <-tick.C:
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
	return slices.SortedFunc(maps.Values(byRoute), func(a, b *answered) int {
		return cmp.Compare(b.latencies.Quantile(.99), a.latencies.Quantile(.99))
	}), ctx.Err()
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

func (r *rig) reportAPI(answers []*answered, note string) {
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
	r.add(Row{Bar: "api: p50 over all routes", Figure: milliseconds(all.Quantile(.5)), Unit: "ms", Most: most(25), Note: note})
	r.add(Row{Bar: "api: p99 over all routes", Figure: milliseconds(all.Quantile(.99)), Unit: "ms", Most: most(200)})
	r.add(Row{
		Bar: "api: p50 of the slowest route", Figure: milliseconds(worstP50.latencies.Quantile(.5)), Unit: "ms", Most: most(25),
		Note: worstP50.route,
	})
	r.add(Row{
		Bar: "api: p99 of the slowest route", Figure: milliseconds(worstP99.latencies.Quantile(.99)), Unit: "ms", Most: most(200),
		Note: worstP99.route,
	})
	r.add(Row{Bar: "api: answers other than 2xx", Figure: float64(failed), Most: most(0), Note: oneLine(strings.Join(failures, "; "))})
	for _, a := range answers[:min(apiShown, len(answers))] {
		r.add(Row{
			Bar: "api: " + a.route, Figure: milliseconds(a.latencies.Quantile(.99)), Unit: "ms",
			Note: fmt.Sprintf("p99 of %d; p50 %s", len(a.latencies), number(milliseconds(a.latencies.Quantile(.5)))),
		})
	}
}

// questions are made of the routes of /openapi.json. It also returns the routes that are
// left out, with the reason.
func (p *product) questions(ctx context.Context) (asked []question, skipped []string, err error) {
	body, err := p.call(ctx, http.MethodGet, "/openapi.json", nil)
	if err != nil {
		return nil, nil, err
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, nil, fmt.Errorf("read /openapi.json: %w", err)
	}
	known, err := p.known(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			q, why := known.question(strings.ToUpper(method), path)
			if why != "" {
				skipped = append(skipped, q.route+" ("+why+")")
				continue
			}
			asked = append(asked, q)
		}
	}
	if len(asked) == 0 {
		return nil, nil, errors.New("/openapi.json names no route")
	}
	return asked, skipped, nil
}

// known is what questions are filled with.
type known struct {
	now      time.Time
	function string
	job      string
	database bool
}

func (p *product) known(ctx context.Context) (known, error) {
	k := known{now: time.Now()}
	var functions []struct {
		Name string `json:"name"`
	}
	if err := p.fetch(ctx, base+"/profiler/functions", &functions); err != nil {
		return k, err
	}
	if len(functions) > 0 {
		k.function = functions[0].Name
	}
	var db struct {
		Enabled bool `json:"enabled"`
	}
	if err := p.fetch(ctx, base+"/database/stats", &db); err != nil {
		return k, err
	}
	k.database = db.Enabled
	if !k.database {
		return k, nil
	}
	var job struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	body, err := p.callAsync(ctx, base+"/database/optimize")
	if err != nil {
		return k, fmt.Errorf("make a job: %w", err)
	}
	if err := json.Unmarshal(body, &job); err != nil {
		return k, fmt.Errorf("make a job: %w", err)
	}
	k.job = job.Data.ID
	return k, nil
}

// acts are the routes that are asked although they do not only read: doing them again and
// again harms nothing.
func (k known) acts() map[string]any {
	form := url.Values{"query": {"up"}}
	ranged := url.Values{
		"query": {"upshift_gateway_requests_total"}, "step": {"15"},
		"start": {strconv.FormatInt(k.now.Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(k.now.Unix(), 10)},
	}
	return map[string]any{
		base + "/memory/gc":              nil,
		base + "/cache/optimize":         nil,
		base + "/load-balancer/optimize": nil,
		base + "/database/analyze":       map[string]any{"query": "SELECT count(*) FROM pg_class"},
		"/api/v1/query":                  form,
		"/api/v1/query_range":            ranged,
		"/api/v1/labels":                 url.Values{},
		"/api/v1/series":                 url.Values{"match[]": {"upshift_gateway_requests_total"}},
		"/api/v1/format_query":           form,
		"/api/v1/query_exemplars":        ranged,
	}
}

// question fills a route in; why says why it cannot, or should not, be asked.
func (k known) question(method, route string) (q question, why string) {
	q = question{route: method + " " + route, method: method, path: route, stream: strings.HasSuffix(route, "/events")}
	body, acts := k.acts()[route]
	switch {
	case method == http.MethodPost && acts:
		q.body = body
	case method != http.MethodGet:
		return q, "changes something"
	case acts && body != nil: // the same question as a query
		if form, ok := body.(url.Values); ok {
			q.path += "?" + form.Encode()
		}
	}
	switch {
	case strings.HasSuffix(route, "/database/analyze") && !k.database:
		return q, "no database"
	case strings.Contains(route, "/jobs/{id}"):
		q.path, why = fill(q.path, "{id}", k.job)
	case strings.Contains(route, "/functions/{name}"):
		q.path, why = fill(q.path, "{name}", k.function)
	case strings.Contains(route, "/label/{name}"):
		q.path, why = fill(q.path, "{name}", "__name__")
	case strings.Contains(route, "{"):
		why = "its parameter is not known"
	}
	return q, why
}

func fill(path, parameter, value string) (filled, why string) {
	if value == "" {
		return path, "there is none"
	}
	return strings.ReplaceAll(path, parameter, url.PathEscape(value)), ""
}
