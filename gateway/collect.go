package gateway

import "github.com/prometheus/client_golang/prometheus"

// single is a metric without labels.
type single struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Stats) float64
}

// family is a counter with one label of fixed values.
type family struct {
	desc   *prometheus.Desc
	values func(Stats) map[string]uint64
}

// distribution is a histogram.
type distribution struct {
	desc *prometheus.Desc
	of   func(*counters) *histogram
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_gateway_"+name, help, labels, nil)
}

func singles() []single {
	gauge := func(name, help string, value func(Stats) int64) single {
		return single{describe(name, help), prometheus.GaugeValue, func(s Stats) float64 { return float64(value(s)) }}
	}
	counter := func(name, help string, value func(Stats) uint64) single {
		return single{describe(name, help), prometheus.CounterValue, func(s Stats) float64 { return float64(value(s)) }}
	}
	return []single{
		gauge("in_flight_requests", "Requests under way, streams and upgraded connections included.",
			func(s Stats) int64 { return s.InFlight }),
		gauge("active_streams", "Event streams under way.", func(s Stats) int64 { return s.StreamsActive }),
		gauge("active_upgrades", "Upgraded connections open.", func(s Stats) int64 { return s.UpgradesActive }),
		gauge("connections", "Client connections open.", func(s Stats) int64 { return s.Connections }),
		gauge("queued_requests", "Requests that wait to be let to a server.", func(s Stats) int64 { return int64(s.Queued) }),
		counter("streams_total", "Event streams passed.", func(s Stats) uint64 { return s.Streams }),
		counter("upgrades_total", "Connections upgraded.", func(s Stats) uint64 { return s.Upgrades }),
		counter("clients_gone_total", "Requests whose client left before the end of the answer.",
			func(s Stats) uint64 { return s.ClientsGone }),
		counter("panics_total", "Requests that ended in a panic.", func(s Stats) uint64 { return s.Panics }),
		counter("connections_shed_total", "Connections closed because of the bound on them.",
			func(s Stats) uint64 { return s.ConnectionsShed }),
		counter("request_bytes_total", "Bytes of request bodies.", func(s Stats) uint64 { return s.BytesIn }),
		counter("response_bytes_total", "Bytes of answers' bodies.", func(s Stats) uint64 { return s.BytesOut }),
		counter("cache_stored_total", "Answers kept in the cache.", func(s Stats) uint64 { return s.CacheStored }),
		counter("cache_rejected_total", "Answers that could be kept but found no room.",
			func(s Stats) uint64 { return s.CacheRejected }),
		{
			describe("cache_saved_seconds_total", "Time that servers took to make the answers that came from the cache instead."),
			prometheus.CounterValue, func(s Stats) float64 { return s.SavedSeconds },
		},
		{
			describe("cache_saved_dollars_total", "Price, where known, of answers that came from the cache or from a request shared with others."),
			prometheus.CounterValue, func(s Stats) float64 { return s.SavedDollars },
		},
	}
}

func families() []family {
	return []family{
		{
			describe("pool_requests_total", "Requests sent to a pool.", "pool"),
			func(s Stats) map[string]uint64 {
				return byPool(s, func(p PoolStats) uint64 { return p.Requests })
			},
		},
		{
			describe("pool_overflows_total", "Requests that a pool could not take and that went to the next one.", "pool"),
			func(s Stats) map[string]uint64 {
				return byPool(s, func(p PoolStats) uint64 { return p.Overflowed })
			},
		},
		{
			describe("requests_total", "Requests by status class; an answer that broke off is 5xx.", "code"),
			func(s Stats) map[string]uint64 { return s.ByClass },
		},
		{
			describe("refused_total", "Requests refused for their form.", "reason"),
			func(s Stats) map[string]uint64 { return s.Refused },
		},
		{
			describe("limited_total", "Requests refused for a limit.", "limit"),
			func(s Stats) map[string]uint64 { return s.Limited },
		},
		{
			describe("upstream_errors_total", "Requests that servers failed.", "reason"),
			func(s Stats) map[string]uint64 { return s.UpstreamErrors },
		},
		{
			describe("cache_requests_total", "Requests by what the cache did.", "outcome"),
			func(s Stats) map[string]uint64 { return s.Cache },
		},
	}
}

func byPool(s Stats, value func(PoolStats) uint64) map[string]uint64 {
	out := make(map[string]uint64, len(s.Pools))
	for name, p := range s.Pools {
		out[name] = value(p)
	}
	return out
}

func distributions() []distribution {
	return []distribution{
		{
			describe("request_duration_seconds", "Duration of requests; of event streams, to the first byte."),
			func(c *counters) *histogram { return &c.duration },
		},
		{
			describe("first_byte_seconds", "Time to the first byte of the answer's body."),
			func(c *counters) *histogram { return &c.firstByte },
		},
		{
			describe("queue_seconds", "Time that requests waited to be let to a server, where there are limits."),
			func(c *counters) *histogram { return &c.queueTime },
		},
		{
			describe("overhead_seconds", "Time to the answer's headers that no server took."),
			func(c *counters) *histogram { return &c.overhead },
		},
	}
}

// Describe implements [prometheus.Collector].
func (g *Gateway) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range singles() {
		ch <- m.desc
	}
	for _, m := range families() {
		ch <- m.desc
	}
	for _, m := range distributions() {
		ch <- m.desc
	}
	g.ledger.Describe(ch)
}

// Collect implements [prometheus.Collector]. The values of labels are fixed or bounded.
func (g *Gateway) Collect(ch chan<- prometheus.Metric) {
	s := g.Stats()
	for _, m := range singles() {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s))
	}
	for _, m := range families() {
		for label, v := range m.values(s) {
			ch <- prometheus.MustNewConstMetric(m.desc, prometheus.CounterValue, float64(v), label)
		}
	}
	for _, m := range distributions() {
		count, seconds, cumulative := m.of(&g.count).read()
		ch <- prometheus.MustNewConstHistogram(m.desc, count, seconds, cumulative)
	}
	g.ledger.Collect(ch)
}

var _ prometheus.Collector = (*Gateway)(nil)
