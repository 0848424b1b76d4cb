package metrics

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb/fileutil"
)

// Reasons for which samples are dropped.
const (
	dropOutOfOrder = iota
	dropDuplicate
	dropSeriesLimit
	dropNotFinite
	dropClock
	dropWrite
	dropReasons
)

// dropNames are the label values of the reasons.
func dropNames() [dropReasons]string {
	return [dropReasons]string{"out_of_order", "duplicate", "series_limit", "not_finite", "clock_jump", "write_failed"}
}

// diskAge is how long a measurement of the disk is good for.
const diskAge = 10 * time.Second

// counters are what a Store counts. The zero value is ready.
type counters struct {
	samples, appends, corruptions, clockSteps, queries, queryErrors atomic.Uint64
	dropped                                                         [dropReasons]atomic.Uint64
	appendNanos, lastSync, newest, active                           atomic.Int64
}

// Stats is the state of a [Store].
type Stats struct {
	// Series is the number of series of the last gathering; HeadSeries those in memory,
	// which includes ended ones for some hours.
	Series     int `json:"series"`
	HeadSeries int `json:"head_series"`
	Blocks     int `json:"blocks"`
	// Samples were stored since the store was opened; Dropped were not, by reason.
	Samples         uint64            `json:"samples"`
	Dropped         uint64            `json:"dropped"`
	DroppedByReason map[string]uint64 `json:"dropped_by_reason"`
	Appends         uint64            `json:"appends"`
	// MeanAppendSeconds is the mean time of an Append.
	MeanAppendSeconds float64 `json:"mean_append_seconds"`
	Queries           uint64  `json:"queries"`
	QueryErrors       uint64  `json:"query_errors"`
	// Corruptions are damaged files that were repaired or set aside.
	Corruptions uint64 `json:"corruptions"`
	// ClockSteps is how often the clock was found set ahead or back.
	ClockSteps uint64 `json:"clock_steps"`
	DiskBytes  int64  `json:"disk_bytes"`
	// OldestSample and NewestSample are zero when nothing is stored.
	OldestSample time.Time `json:"oldest_sample,omitzero"`
	NewestSample time.Time `json:"newest_sample,omitzero"`
}

// Stats returns the state of the store; after Close only what was counted.
func (s *Store) Stats() Stats {
	c := &s.count
	st := Stats{
		Series: int(c.active.Load()), Samples: c.samples.Load(), Appends: c.appends.Load(),
		Queries: c.queries.Load(), QueryErrors: c.queryErrors.Load(),
		Corruptions: c.corruptions.Load(), ClockSteps: c.clockSteps.Load(),
		DroppedByReason: make(map[string]uint64, dropReasons),
	}
	for i, name := range dropNames() {
		n := c.dropped[i].Load()
		st.DroppedByReason[name] = n
		st.Dropped += n
	}
	if st.Appends > 0 {
		st.MeanAppendSeconds = time.Duration(c.appendNanos.Load()).Seconds() / float64(st.Appends)
	}
	done, err := s.use()
	if err != nil {
		return st
	}
	defer done()
	st.HeadSeries, st.Blocks = int(s.db.Head().NumSeries()), len(s.db.Blocks())
	st.DiskBytes = s.disk.bytes(s.dir)
	st.OldestSample, st.NewestSample = s.span()
	return st
}

// span is the time of the oldest and the newest sample.
func (s *Store) span() (oldest, newest time.Time) {
	low, high := int64(math.MaxInt64), s.count.newest.Load()
	for _, b := range s.db.Blocks() {
		low, high = min(low, b.MinTime()), max(high, b.MaxTime()-1)
	}
	if head := s.db.Head(); head.NumSeries() > 0 {
		low = min(low, head.MinTime())
	}
	if low == math.MaxInt64 || high == math.MinInt64 {
		return oldest, newest
	}
	return time.UnixMilli(low).UTC(), time.UnixMilli(high).UTC()
}

// diskUse measures a directory, at most once in diskAge.
type diskUse struct {
	mu   sync.Mutex // guards the fields below
	at   time.Time
	size int64
}

func (d *diskUse) bytes(dir string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.at.IsZero() || now.Sub(d.at) >= diskAge {
		if size, err := fileutil.DirSize(dir); err == nil {
			d.size = size
		} // a file that vanished meanwhile: the last measurement is good enough
		d.at = now
	}
	return d.size
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_metrics_"+name, help, labels, nil)
}

// Descriptions of the store's own metrics; they never change.
var (
	descSeries      = desc("series", "Series of the last gathering.")
	descHead        = desc("head_series", "Series in memory, including those that ended lately.")
	descSamples     = desc("samples_appended_total", "Samples stored.")
	descDropped     = desc("samples_dropped_total", "Samples not stored.", "reason")
	descAppend      = desc("append_duration_seconds", "Time taken to store a gathering.")
	descDisk        = desc("disk_bytes", "Disk taken by the store.")
	descCorruptions = desc("corruptions_total", "Damaged files repaired or set aside.")
	descClock       = desc("clock_steps_total", "Times the clock was found set ahead or back.")
	descQueries     = desc("queries_total", "Queries, by outcome.", "outcome")
	descBlocks      = desc("blocks", "Blocks on disk.")
	descOldest      = desc("oldest_sample_timestamp_seconds", "Time of the oldest sample.")
)

// Describe implements prometheus.Collector.
func (s *Store) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descSeries, descHead, descSamples, descDropped, descAppend, descDisk, descCorruptions, descClock,
		descQueries, descBlocks, descOldest,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *Store) Collect(ch chan<- prometheus.Metric) {
	st := s.Stats()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	send(descSeries, prometheus.GaugeValue, float64(st.Series))
	send(descHead, prometheus.GaugeValue, float64(st.HeadSeries))
	send(descBlocks, prometheus.GaugeValue, float64(st.Blocks))
	send(descDisk, prometheus.GaugeValue, float64(st.DiskBytes))
	send(descSamples, prometheus.CounterValue, float64(st.Samples))
	send(descCorruptions, prometheus.CounterValue, float64(st.Corruptions))
	send(descClock, prometheus.CounterValue, float64(st.ClockSteps))
	send(descQueries, prometheus.CounterValue, float64(st.Queries-min(st.QueryErrors, st.Queries)), "ok")
	send(descQueries, prometheus.CounterValue, float64(st.QueryErrors), "error")
	for _, reason := range dropNames() {
		send(descDropped, prometheus.CounterValue, float64(st.DroppedByReason[reason]), reason)
	}
	if !st.OldestSample.IsZero() {
		send(descOldest, prometheus.GaugeValue, float64(st.OldestSample.UnixMilli())/1000)
	}
	sum := time.Duration(s.count.appendNanos.Load()).Seconds()
	ch <- prometheus.MustNewConstSummary(descAppend, st.Appends, sum, nil)
}
