package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// clockTolerance is how far the clock may run from the monotonic clock between two
// gatherings before it counts as set.
const clockTolerance = time.Minute

// Append stores one whole gathering as of at and returns how many samples it stored: they
// survive the process. Counters, gauges, untyped metrics, summaries and classic histograms
// are stored as Prometheus stores them; values that are not finite are left out. A series
// that was in the gathering before and is missing in this one ends at once. Samples that
// are too old or beyond [Config.MaxSeries] are dropped and counted, without an error; an
// error means that the disk did not take what was not counted.
func (s *Store) Append(ctx context.Context, at time.Time, families []*dto.MetricFamily) (int, error) {
	done, err := s.use()
	if err != nil {
		return 0, err
	}
	defer done()
	s.appendMu.Lock()
	defer s.appendMu.Unlock()
	began := time.Now()
	stored, err := s.writer.write(ctx, at, families)
	if last := time.Unix(0, s.count.lastSync.Load()); began.Sub(last) >= syncAfter || began.Before(last) {
		err = errors.Join(err, s.syncLog(began))
	}
	s.count.samples.Add(uint64(stored))
	s.count.appends.Add(1)
	s.count.appendNanos.Add(int64(time.Since(began)))
	return stored, err
}

// writer turns families into samples. It knows the series of the gathering before.
type writer struct {
	s          *Store
	known      map[string]*knownSeries
	gathering  uint64 // number of the present one
	lastAt     time.Time
	lastWall   time.Time // lastAt without its monotonic reading
	behind     bool
	scratch    []byte
	builder    labels.ScratchBuilder
	begin      func() storage.Appender // of the present gathering
	appender   storage.Appender
	inBatch    int
	batchSize  int
	maxSeries  int
	maxHead    uint64
	stored     int
	newestMS   int64
	timeMillis int64
}

type knownSeries struct {
	ref       storage.SeriesRef
	labels    labels.Labels
	gathering uint64
}

func newWriter(s *Store) *writer {
	w := &writer{s: s, known: map[string]*knownSeries{}, builder: labels.NewScratchBuilder(16), newestMS: math.MinInt64}
	if head := s.db.Head(); head.NumSeries() > 0 {
		w.newestMS = head.MaxTime()
	}
	for _, b := range s.db.Blocks() {
		w.newestMS = max(w.newestMS, b.MaxTime()-1) // the log may have been lost
	}
	s.count.newest.Store(w.newestMS)
	return w
}

func (w *writer) write(ctx context.Context, at time.Time, families []*dto.MetricFamily) (int, error) {
	if at.UnixMilli() <= 0 {
		return 0, fmt.Errorf("metrics: append at %v: before 1970", at)
	}
	if w.clockJumped(at) {
		w.s.count.dropped[dropClock].Add(uint64(countSamples(families)))
		return 0, nil
	}
	cfg := w.s.config.Load()
	w.batchSize, w.maxSeries, w.maxHead = cfg.BatchSize, cfg.MaxSeries, 2*uint64(cfg.MaxSeries)
	w.gathering++
	w.stored, w.inBatch, w.timeMillis = 0, 0, at.UnixMilli()
	w.begin = func() storage.Appender { return w.s.db.Appender(ctx) }
	w.appender = w.begin()
	err := w.families(families)
	if err == nil {
		err = w.endMissing()
	}
	if err != nil {
		return w.stored, errors.Join(err, w.appender.Rollback())
	}
	if err := w.commit(); err != nil {
		return w.stored, err
	}
	if w.stored > 0 {
		w.newestMS = max(w.newestMS, w.timeMillis)
		w.s.count.newest.Store(w.newestMS)
	}
	w.s.count.active.Store(int64(len(w.known)))
	return w.stored, nil
}

// clockJumped reports whether the clock was set ahead since the last gathering. It also
// notes when the clock was set back; then every sample is too old by itself.
func (w *writer) clockJumped(at time.Time) bool {
	last, lastWall := w.lastAt, w.lastWall
	w.lastAt, w.lastWall = at, at.Round(0) // Round strips the monotonic reading
	if behind := at.UnixMilli() < w.newestMS; behind != w.behind {
		w.behind = behind
		if behind {
			w.s.count.clockSteps.Add(1)
			w.s.logger.Warn("metrics: the clock is behind the newest sample, dropping samples until it has passed it",
				"newest", time.UnixMilli(w.newestMS).UTC(), "now", at.UTC())
		} else {
			w.s.logger.Info("metrics: the clock has passed the newest sample, storing again")
		}
	}
	if last.IsZero() {
		return false
	}
	if ahead := w.lastWall.Sub(lastWall) - at.Sub(last); ahead > clockTolerance {
		w.s.count.clockSteps.Add(1)
		w.s.logger.Warn("metrics: the clock was set ahead, waiting for the next gathering to agree", "by", ahead)
		return true
	}
	return false
}

func (w *writer) families(families []*dto.MetricFamily) error {
	for _, f := range families {
		w.s.meta.note(f, w.maxSeries)
		for _, m := range f.GetMetric() {
			if err := w.metric(f, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// add stores one sample of the series name+suffix with the labels of m and an extra one.
func (w *writer) add(one sample) error {
	if math.IsNaN(one.value) || math.IsInf(one.value, 0) {
		w.s.count.dropped[dropNotFinite].Add(1)
		return nil
	}
	series := w.series(one)
	if series == nil {
		w.s.count.dropped[dropSeriesLimit].Add(1)
		return nil
	}
	series.gathering = w.gathering
	return w.put(series, one.value)
}

// series finds or makes the series of a sample; nil when there are too many.
func (w *writer) series(one sample) *knownSeries {
	w.scratch = one.appendKey(w.scratch[:0])
	if series, ok := w.known[string(w.scratch)]; ok {
		return series
	}
	if len(w.known) >= w.maxSeries || w.s.db.Head().NumSeries() >= w.maxHead {
		return nil
	}
	w.builder.Reset()
	w.builder.Add(model.MetricNameLabel, one.name+one.suffix)
	for _, p := range one.labels {
		if p.GetValue() != "" {
			w.builder.Add(p.GetName(), p.GetValue())
		}
	}
	if one.extraName != "" {
		w.builder.Add(one.extraName, one.extraValue)
	}
	w.builder.Sort()
	series := &knownSeries{labels: w.builder.Labels()}
	w.known[string(w.scratch)] = series
	return series
}

// put gives a value to the database and commits when a batch is full.
func (w *writer) put(series *knownSeries, v float64) error {
	ref, err := w.appender.Append(series.ref, series.labels, w.timeMillis, v)
	switch {
	case err == nil:
		series.ref = ref
		w.inBatch++
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		w.s.count.dropped[dropDuplicate].Add(1)
		return nil
	case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrOutOfBounds),
		errors.Is(err, storage.ErrTooOldSample):
		w.s.count.dropped[dropOutOfOrder].Add(1)
		return nil
	default:
		return fmt.Errorf("append series %s: %w", series.labels, err)
	}
	if w.inBatch < w.batchSize {
		return nil
	}
	if err := w.commit(); err != nil {
		return err
	}
	w.appender = w.begin()
	return nil
}

func (w *writer) commit() error {
	n := w.inBatch
	w.inBatch = 0
	if err := w.appender.Commit(); err != nil {
		w.s.count.dropped[dropWrite].Add(uint64(n))
		return fmt.Errorf("write %d samples: %w", n, err)
	}
	w.stored += n
	return nil
}

// endMissing ends the series that were in the gathering before and are not in this one.
func (w *writer) endMissing() error {
	stale := math.Float64frombits(value.StaleNaN)
	for key, series := range w.known {
		if series.gathering == w.gathering {
			continue
		}
		delete(w.known, key)
		if series.ref == 0 {
			continue // nothing of it was ever stored
		}
		if err := w.put(series, stale); err != nil {
			return err
		}
	}
	return nil
}
