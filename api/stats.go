package api

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats is what the admin plane knows of itself.
type Stats struct {
	// Requests are those that reached a route; Refused those that did not get in; Failed
	// those answered 5xx.
	Requests uint64 `json:"requests"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`
	Panics   uint64 `json:"panics"`
	// AuthFailures counts wrong tokens.
	AuthFailures uint64 `json:"auth_failures"`
	// Sessions are logins in force, Connections open ones, Shed those closed for the bound.
	Sessions    int    `json:"sessions"`
	Connections int    `json:"connections"`
	Shed        uint64 `json:"shed"`
	// Streams are the clients of /events; StreamsDropped were too slow, StreamsRefused found
	// no room. Events were published.
	Streams        int    `json:"streams"`
	StreamsDropped uint64 `json:"streams_dropped"`
	StreamsRefused uint64 `json:"streams_refused"`
	Events         uint64 `json:"events"`
	AuditRecords   uint64 `json:"audit_records"`
	AuditFailures  uint64 `json:"audit_failures"`
}

// counters are the atomics behind Stats.
type counters struct {
	requests, refused, failed, panics, authFailures atomic.Uint64
	auditRecords, auditFailures, shed               atomic.Uint64
	connections                                     atomic.Int64
}

func (c *counters) count(status int) {
	c.requests.Add(1)
	if status >= http.StatusInternalServerError {
		c.failed.Add(1)
	}
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	c := &s.stats
	return Stats{
		Requests: c.requests.Load(), Refused: c.refused.Load(), Failed: c.failed.Load(), Panics: c.panics.Load(),
		AuthFailures: c.authFailures.Load(), Sessions: s.sessions.count(),
		Connections: int(c.connections.Load()), Shed: c.shed.Load(),
		Streams: s.hub.Clients(), StreamsDropped: s.hub.dropped.Load(), StreamsRefused: s.hub.refused.Load(),
		Events: s.hub.published.Load(), AuditRecords: c.auditRecords.Load(), AuditFailures: c.auditFailures.Load(),
	}
}

// instrument is one metric of the admin plane.
type instrument struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Stats) float64
}

func instruments() []instrument {
	gauge := func(name, help string, value func(Stats) float64) instrument {
		return instrument{prometheus.NewDesc("upshift_api_"+name, help, nil, nil), prometheus.GaugeValue, value}
	}
	counter := func(name, help string, value func(Stats) uint64) instrument {
		return instrument{
			prometheus.NewDesc("upshift_api_"+name, help, nil, nil), prometheus.CounterValue,
			func(s Stats) float64 { return float64(value(s)) },
		}
	}
	return []instrument{
		counter("requests_total", "Requests that reached a route of the admin plane.", func(s Stats) uint64 { return s.Requests }),
		counter("refused_total", "Requests refused before a route.", func(s Stats) uint64 { return s.Refused }),
		counter("failed_total", "Requests answered 5xx.", func(s Stats) uint64 { return s.Failed }),
		counter("auth_failures_total", "Wrong tokens.", func(s Stats) uint64 { return s.AuthFailures }),
		counter("connections_shed_total", "Connections closed for the bound.", func(s Stats) uint64 { return s.Shed }),
		counter("streams_dropped_total", "Event streams dropped because the client was too slow.",
			func(s Stats) uint64 { return s.StreamsDropped }),
		counter("events_total", "Events published.", func(s Stats) uint64 { return s.Events }),
		counter("audit_records_total", "Audit records written.", func(s Stats) uint64 { return s.AuditRecords }),
		counter("audit_failures_total", "Audit records that could not be written.", func(s Stats) uint64 { return s.AuditFailures }),
		gauge("streams_active", "Open event streams.", func(s Stats) float64 { return float64(s.Streams) }),
		gauge("sessions_active", "Logins in force.", func(s Stats) float64 { return float64(s.Sessions) }),
		gauge("connections_active", "Open connections.", func(s Stats) float64 { return float64(s.Connections) }),
	}
}

// Describe implements prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, i := range s.instruments {
		ch <- i.desc
	}
}

// Collect implements prometheus.Collector.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	now := s.Stats()
	for _, i := range s.instruments {
		ch <- prometheus.MustNewConstMetric(i.desc, i.kind, i.value(now))
	}
}
