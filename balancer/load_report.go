package balancer

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The response headers in which a server reports its load. The first is that of the ORCA
// standard (xds.data.orca.v3.OrcaLoadReport) in its TEXT and JSON forms; the second holds
// one number between 0 and 1.
const (
	orcaHeader = "Endpoint-Load-Metrics"
	loadHeader = "X-Upshift-Load"
)

const (
	// reportFade is the time constant with which a report turns into the pool's mean.
	reportFade = 3 * time.Second
	// reportAge is the age from which a report counts for nothing.
	reportAge = 10 * time.Second
	// maxReport bounds the header that is read.
	maxReport = 4096
)

// loadReport is the last load that a server reported.
type loadReport struct {
	known bool
	load  float64
	at    int64
}

func (r *loadReport) fresh(now int64) bool { return r.known && now-r.at < int64(reportAge) }

// faded returns the reported load, the older the nearer to the pool's mean.
func (r *loadReport) faded(now int64, mean float64) float64 {
	if !r.fresh(now) {
		return mean
	}
	return mean + fade(now-r.at, reportFade)*(r.load-mean)
}

// reported notes a load report in the header or trailer, if there is one. Reports that
// cannot be read are left out: a server must not be judged by them.
func (s *Server) reported(now int64, h http.Header) {
	load, ok := reportIn(h)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = loadReport{known: true, load: load, at: now}
	s.publish(now)
}

func reportIn(h http.Header) (float64, bool) {
	if v := h.Get(loadHeader); v != "" {
		if load, err := parseRatio(v); err == nil {
			return load, true
		}
	}
	if v := h.Get(orcaHeader); v != "" {
		if load, err := parseOrca(v); err == nil {
			return load, true
		}
	}
	return 0, false
}

var errLoadReport = errors.New("balancer: load report cannot be read")

// orcaReport are the fields of an ORCA report that count here. As in gRPC's weighted round
// robin the application's own figure goes before that of the processor.
type orcaReport struct {
	Application float64 `json:"application_utilization"`
	CPU         float64 `json:"cpu_utilization"`
	Memory      float64 `json:"mem_utilization"`
}

// parseOrca reads "TEXT cpu_utilization=0.3, mem_utilization=0.8" or "JSON {…}" and returns
// the load between 0 and 1. Without a known field it is an error.
func parseOrca(v string) (float64, error) {
	if len(v) > maxReport {
		return 0, errLoadReport
	}
	format, body, _ := strings.Cut(strings.TrimSpace(v), " ")
	r := orcaReport{Application: -1, CPU: -1, Memory: -1}
	switch format {
	case "TEXT":
		for pair := range strings.SplitSeq(body, ",") {
			if err := r.set(pair); err != nil {
				return 0, err
			}
		}
	case "JSON":
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			return 0, errLoadReport
		}
	default:
		return 0, errLoadReport
	}
	switch {
	case r.Application > 0:
		return ratio(r.Application)
	case r.CPU >= 0 || r.Memory >= 0:
		return ratio(max(r.CPU, r.Memory))
	}
	return ratio(r.Application)
}

// set takes one name=value pair; names it does not know are passed over.
func (r *orcaReport) set(pair string) error {
	name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
	if !ok {
		return errLoadReport
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return errLoadReport
	}
	switch strings.TrimSpace(name) {
	case "application_utilization":
		r.Application = f
	case "cpu_utilization":
		r.CPU = f
	case "mem_utilization":
		r.Memory = f
	}
	return nil
}

func parseRatio(v string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil {
		return 0, errLoadReport
	}
	return ratio(f)
}

// ratio accepts what is at least 0, more than 1 (two busy cores) counting as 1.
func ratio(f float64) (float64, error) {
	if !(f >= 0) || math.IsInf(f, 1) {
		return 0, errLoadReport
	}
	return min(f, 1), nil
}
