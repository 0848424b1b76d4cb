package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
