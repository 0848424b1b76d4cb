package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

func TestAppendAndQuery(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{CollectionInterval: 10 * time.Second})
	at := origin()
	for i := range 31 {
		appendAll(t, s, at.Add(time.Duration(i)*10*time.Second), 3,
			counter("jobs_total", float64(i*20), "queue", "a"), counter("other_total", float64(i)), gauge("depth", float64(i), "queue", "a"))
	}
	end := at.Add(5 * time.Minute)
	for expr, want := range map[string]any{
		`depth`: 30.0, `depth{queue="a"}`: 30.0, `depth{queue="b"}`: "none", `sum(depth) * 2`: 60.0, `42`: 42.0,
		`rate(jobs_total[1m])`: 2.0, `max_over_time(depth[2m])`: 30.0, `depth offset 1m`: 24.0,
		`sum(jobs_total) / sum(other_total)`: 20.0,
		`sum(`:                               `1:5: parse error: unclosed left parenthesis`,
	} {
		if got := valueOf(t, s, expr, end); got != want {
			t.Errorf("%s = %v, want %v", expr, got, want)
		}
	}
	r, err := s.Query(t.Context(), `depth`, end)
	if err != nil {
		t.Fatal(err)
	}
	want := []Sample{{Labels: map[string]string{"__name__": "depth", "queue": "a"}, At: end, Value: 30}}
	if diff := cmp.Diff(want, r.Samples()); diff != "" {
		t.Error(diff)
	}
	if r.Series() == nil || len(r.Series()) != 0 {
		t.Errorf("series of a vector: %v", r.Series())
	}
	if got := valueOf(t, s, `depth`, end.Add(6*time.Minute)); got != "none" {
		t.Errorf("past the look-back: %v", got)
	}
}

func TestQueryRange(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{CollectionInterval: 10 * time.Second})
	at := origin()
	for i := range 7 {
		appendAll(t, s, at.Add(time.Duration(i)*10*time.Second), 1, gauge("depth", float64(i), "queue", "a"))
	}
	r, err := s.QueryRange(t.Context(), "depth", at, at.Add(time.Minute), 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := []Series{{Labels: map[string]string{"__name__": "depth", "queue": "a"}, Values: []Value{
		{at, 0}, {at.Add(30 * time.Second), 3}, {at.Add(time.Minute), 6},
	}}}
	if diff := cmp.Diff(want, r.Series()); diff != "" {
		t.Error(diff)
	}
	if r.Samples() != nil {
		t.Errorf("samples of a matrix: %v", r.Samples())
	}
	far := time.Unix(-maxUnixSeconds, 0)
	for _, tt := range []struct {
		start, end time.Time
		step       time.Duration
		want       string
	}{
		{at, at.Add(time.Minute), 0, "zero or negative"},
		{at, at.Add(time.Minute), -time.Second, "zero or negative"},
		{at, at.Add(time.Minute), time.Microsecond, "zero or negative"},
		{at.Add(time.Minute), at, time.Second, "end timestamp must not be before start"},
		{at, at.Add(MaxPoints * time.Second), time.Second, "exceeded maximum resolution of 11000 points"},
		{far, time.Unix(maxUnixSeconds, 0), 24 * time.Hour, "exceeded maximum resolution of 11000 points"},
	} {
		_, err := s.QueryRange(t.Context(), "depth", tt.start, tt.end, tt.step)
		var q *QueryError
		if !errors.As(err, &q) || q.Kind != KindBadData || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v to %v by %v: %v, want %q", tt.start, tt.end, tt.step, err, tt.want)
		}
	}
	if _, err := s.QueryRange(t.Context(), "depth", at, at.Add((MaxPoints-1)*time.Second), time.Second); err != nil {
		t.Errorf("the most points: %v", err)
	}
}

// What is stored of each type of metric is what Prometheus stores.
func TestEachType(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	registry := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "c_total"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: []float64{0.5, 1}})
	sum := prometheus.NewSummary(prometheus.SummaryOpts{Name: "s", Objectives: map[float64]float64{0.5: 0.01, 1: 0}})
	u := prometheus.NewUntypedFunc(prometheus.UntypedOpts{Name: "u"}, func() float64 { return 7 })
	registry.MustRegister(c, h, sum, u)
	c.Add(3)
	for _, v := range []float64{0.2, 0.7, 9} {
		h.Observe(v)
		sum.Observe(v)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families = append(families, &dto.MetricFamily{
		Name: ptr("f"), Type: ptr(dto.MetricType_HISTOGRAM),
		Metric: []*dto.Metric{{Histogram: &dto.Histogram{SampleCountFloat: ptr(2.5), SampleSum: ptr(1.0), Bucket: []*dto.Bucket{
			{UpperBound: ptr(1.0), CumulativeCountFloat: ptr(1.5)}, {UpperBound: ptr(math.Inf(1)), CumulativeCountFloat: ptr(2.5)},
		}}}},
	}, &dto.MetricFamily{Name: ptr("nothing"), Metric: []*dto.Metric{{}}})
	appendAll(t, s, origin(), 1+5+4+1+4, families...)
	for expr, want := range map[string]any{
		`c_total`: 3.0, `u`: 7.0, `s_sum`: 9.9, `s_count`: 3.0, `s{quantile="0.5"}`: 0.7, `s{quantile="1.0"}`: 9.0,
		`h_bucket{le="0.5"}`: 1.0, `h_bucket{le="1.0"}`: 2.0, `h_bucket{le="+Inf"}`: 3.0, `h_sum`: 9.9, `h_count`: 3.0,
		`f_bucket{le="1.0"}`: 1.5, `f_bucket{le="+Inf"}`: 2.5, `f_sum`: 1.0, `f_count`: 2.5, `nothing`: "none",
	} {
		if got := valueOf(t, s, expr, origin()); got != want {
			t.Errorf("%s = %v, want %v", expr, got, want)
		}
	}
}

func TestFormatBound(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", 0.25: "0.25", 1e21: "1e+21", 5e-7: "5e-07", math.Inf(1): "+Inf", math.Inf(-1): "-Inf", -3: "-3.0",
	} {
		if got := formatBound(v); got != want {
			t.Errorf("formatBound(%v) = %s, want %s", v, got, want)
		}
	}
}

// A series that is no longer gathered ends at once, not after the look-back.
func TestMissingSeriesEnds(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	at := origin()
	appendAll(t, s, at, 2, gauge("up", 1, "server", "a"), gauge("up2", 1))
	if got := valueOf(t, s, `count(up)`, at); got != 1.0 {
		t.Fatalf("count(up) = %v", got)
	}
	appendAll(t, s, at.Add(time.Minute), 2, gauge("up2", 1)) // the end mark is a sample too
	if got := valueOf(t, s, `count(up)`, at.Add(time.Minute)); got != "none" {
		t.Errorf("count(up) after it ended = %v, want none", got)
	}
	appendAll(t, s, at.Add(2*time.Minute), 2, gauge("up", 5, "server", "a"), gauge("up2", 1))
	if got := valueOf(t, s, `up`, at.Add(2*time.Minute)); got != 5.0 {
		t.Errorf("up after it came back = %v, want 5", got)
	}
	if st := s.Stats(); st.Series != 2 {
		t.Errorf("%d series of the last gathering, want 2", st.Series)
	}
}

func TestDropsAreCounted(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{MaxSeries: 3, BatchSize: 1})
	at := origin()
	appendAll(t, s, at, 1, gauge("a", 1), gauge("b", math.NaN()), gauge("c", math.Inf(1)))
	appendAll(t, s, at, 0, gauge("a", 2))                  // the same time, another value
	appendAll(t, s, at.Add(-time.Hour), 0, gauge("a", 3))  // older
	appendAll(t, s, at.Add(time.Minute), 3, gauge("a", 4), // more than three series
		gauge("d", 1, "n", "1"), gauge("d", 1, "n", "2"), gauge("d", 1, "n", "3"), gauge("d", 1, "n", "4"))
	want := map[string]uint64{
		"not_finite": 2, "duplicate": 1, "out_of_order": 1, "series_limit": 2, "clock_jump": 0, "write_failed": 0,
	}
	st := s.Stats()
	if diff := cmp.Diff(want, st.DroppedByReason); diff != "" {
		t.Error(diff)
	}
	if st.Dropped != 6 || st.Samples != 4 || st.Appends != 4 || st.Series != 3 {
		t.Errorf("stats %+v", st)
	}
	if got := valueOf(t, s, "a", at.Add(time.Minute)); got != 4.0 {
		t.Errorf("a = %v", got)
	}
	// A series that ended makes room.
	appendAll(t, s, at.Add(2*time.Minute), 3, gauge("a", 5)) // ends two
	appendAll(t, s, at.Add(3*time.Minute), 2, gauge("a", 6), gauge("e", 1))
	if _, err := s.Append(t.Context(), time.Unix(0, 0), nil); err == nil {
		t.Error("a time of 1970 was taken")
	}
}

func TestBatches(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 7, 100} {
		s := openStore(t, t.TempDir(), Config{BatchSize: size})
		var families []*dto.MetricFamily
		for i := range 14 {
			families = append(families, gauge("m", float64(i), "n", fmt.Sprint(i)))
		}
		appendAll(t, s, origin(), 14, families...)
		if got := valueOf(t, s, "sum(m)", origin()); got != 91.0 {
			t.Errorf("batches of %d: sum %v, want 91", size, got)
		}
	}
}

func TestCancelledAppendStoresWhatItCounts(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := s.Append(ctx, origin(), []*dto.MetricFamily{gauge("a", 1)})
	stored := valueOf(t, s, "count(a)", origin())
	if (n == 1) != (stored == 1.0) || (n == 0) != (stored == "none") {
		t.Errorf("Append = %d, %v; stored: %v", n, err, stored)
	}
}

func TestClockSetAhead(t *testing.T) {
	t.Parallel()
	var log logs
	s, err := Open(t.TempDir(), Config{}, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	appendAll(t, s, now, 1, gauge("a", 1))
	s.writer.lastWall = s.writer.lastWall.Add(-time.Hour) // as if the clock had been set since
	appendAll(t, s, now.Add(time.Second), 0, gauge("a", 2))
	if st := s.Stats(); st.DroppedByReason["clock_jump"] != 1 || st.ClockSteps != 1 {
		t.Errorf("stats %+v", st)
	}
	if !strings.Contains(log.String(), "the clock was set ahead") {
		t.Errorf("log: %s", log.String())
	}
	appendAll(t, s, now.Add(2*time.Second), 1, gauge("a", 3)) // the second agrees
	if got := valueOf(t, s, "a", now.Add(2*time.Second)); got != 3.0 {
		t.Errorf("a = %v, want 3", got)
	}
}

func TestClockSetBack(t *testing.T) {
	t.Parallel()
	var log logs
	s, err := Open(t.TempDir(), Config{}, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := origin()
	appendAll(t, s, at, 1, gauge("a", 1))
	appendAll(t, s, at.Add(-30*time.Minute), 0, gauge("a", 2))
	appendAll(t, s, at.Add(-20*time.Minute), 0, gauge("a", 3))
	appendAll(t, s, at.Add(time.Minute), 1, gauge("a", 4))
	st := s.Stats()
	if st.ClockSteps != 1 || st.DroppedByReason["out_of_order"] != 2 || !st.NewestSample.Equal(at.Add(time.Minute)) {
		t.Errorf("stats %+v", st)
	}
	for _, text := range []string{"the clock is behind the newest sample", "storing again"} {
		if strings.Count(log.String(), text) != 1 {
			t.Errorf("want %q once in the log:\n%s", text, log.String())
		}
	}
}

// After a restart the clock may be behind what was stored, too.
func TestClockBehindAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openStore(t, dir, Config{})
	for i := range 8 {
		appendAll(t, first, origin().Add(time.Duration(i)*time.Hour), 1, gauge("a", 1))
	}
	if err := errors.Join(first.Compact(t.Context()), first.Close()); err != nil {
		t.Fatal(err)
	}
	var log logs
	s, err := Open(dir, Config{}, log.logger())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if st := s.Stats(); !st.NewestSample.Equal(origin().Add(7*time.Hour)) || !st.OldestSample.Equal(origin()) || st.Blocks == 0 {
		t.Errorf("stats %+v", st)
	}
	appendAll(t, s, origin().Add(time.Hour), 0, gauge("a", 2))
	if !strings.Contains(log.String(), "the clock is behind the newest sample") {
		t.Errorf("log: %s", log.String())
	}
}

func TestLabelsAndSeries(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	at := origin()
	appendAll(t, s, at, 3, gauge("a", 1, "x", "2", "y", "1"), gauge("a", 1, "x", "1"), gauge("b", 1, "z", "ä\n"))
	start, end := at.Add(-time.Hour), at.Add(time.Hour)
	ctx := t.Context()
	list := func(v []string, err error) string {
		if err != nil {
			return err.Error()
		}
		if v == nil {
			return "nil"
		}
		return strings.Join(v, ",")
	}
	for _, tt := range []struct{ name, got, want string }{
		{"labels", list(s.Labels(ctx, nil, start, end)), "__name__,x,y,z"},
		{"labels of b", list(s.Labels(ctx, []string{"b"}, start, end)), "__name__,z"},
		{"labels of none", list(s.Labels(ctx, []string{"nobody"}, start, end)), ""},
		{"labels of two", list(s.Labels(ctx, []string{"b", `a{y="1"}`}, start, end)), "__name__,x,y,z"},
		{"values", list(s.LabelValues(ctx, "x", nil, start, end)), "1,2"},
		{"values of y=1", list(s.LabelValues(ctx, "x", []string{`a{y="1"}`}, start, end)), "2"},
		{"values of unknown", list(s.LabelValues(ctx, "nobody", nil, start, end)), ""},
		{"values of nothing", list(s.LabelValues(ctx, "", nil, start, end)), `invalid label name: ""`},
		{"end before start", list(s.Labels(ctx, nil, end, start)), "end timestamp must not be before start time"},
		{"bad selector", list(s.Labels(ctx, []string{"{"}, start, end)), `1:2: parse error: unexpected end of input inside braces`},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	series, err := s.Series(ctx, []string{"a", "b", `a{x="1"}`}, start, end)
	want := []map[string]string{
		{"__name__": "a", "x": "1"}, {"__name__": "a", "x": "2", "y": "1"}, {"__name__": "b", "z": "ä\n"},
	}
	if diff := cmp.Diff(want, series); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := s.Series(ctx, nil, start, end); err == nil {
		t.Error("Series took no selector")
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := origin()
	for i := range 5 {
		s := openStore(t, dir, Config{})
		if i > 0 {
			if got := valueOf(t, s, "a", at.Add(time.Duration(i-1)*time.Minute)); got != float64(i-1) {
				t.Errorf("opened the %d. time: a = %v", i, got)
			}
		}
		appendAll(t, s, at.Add(time.Duration(i)*time.Minute), 1, gauge("a", float64(i)))
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t, dir, Config{})
	if got := valueOf(t, s, "count_over_time(a[1h])", at.Add(time.Hour-time.Second)); got != 5.0 {
		t.Errorf("%v samples, want 5", got)
	}
	if st := s.Stats(); st.Corruptions != 0 || !st.OldestSample.Equal(at) {
		t.Errorf("stats %+v", st)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	appendAll(t, s, origin(), 1, gauge("a", 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, at := t.Context(), origin()
	_, appendErr := s.Append(ctx, at, nil)
	_, queryErr := s.Query(ctx, "a", at)
	_, labelsErr := s.Labels(ctx, nil, at, at)
	_, seedErr := s.Seed(ctx, at, at.Add(time.Hour), time.Minute)
	_, currentErr := s.Current(ctx)
	for i, err := range []error{appendErr, queryErr, labelsErr, seedErr, currentErr, s.Compact(ctx)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v, want ErrClosed", i, err)
		}
	}
	if st := s.Stats(); st.Samples != 1 {
		t.Errorf("stats after Close: %+v", st)
	}
}

func TestDirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openStore(t, dir, Config{})
	_, err := Open(dir, Config{}, nil)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "stop it or set another data_dir") {
		t.Errorf("a second Open: %v", err)
	}
	appendAll(t, s, origin(), 1, gauge("a", 1)) // the first one is unharmed
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openStore(t, dir, Config{})
}

func TestUnwritableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(dir, Config{}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "metrics: "+dir+" cannot be written: not a directory; ") ||
			!strings.Contains(err.Error(), "set data_dir to a directory this user may write") || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%s): %v", dir, err)
		}
	}
	if os.Geteuid() == 0 {
		return // root may write anywhere
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}, nil); err == nil || !strings.Contains(err.Error(), "permission denied; set data_dir") {
		t.Errorf("Open of a read-only directory: %v", err)
	}
}

func TestCollect(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	appendAll(t, s, origin(), 2, gauge("a", 1), gauge("b", 1))
	valueOf(t, s, "a", origin())
	valueOf(t, s, "sum(", origin())
	want := `# HELP upshift_metrics_queries_total Queries, by outcome.
# TYPE upshift_metrics_queries_total counter
upshift_metrics_queries_total{outcome="error"} 1
upshift_metrics_queries_total{outcome="ok"} 1
# HELP upshift_metrics_samples_appended_total Samples stored.
# TYPE upshift_metrics_samples_appended_total counter
upshift_metrics_samples_appended_total 2
# HELP upshift_metrics_series Series of the last gathering.
# TYPE upshift_metrics_series gauge
upshift_metrics_series 2
# HELP upshift_metrics_oldest_sample_timestamp_seconds Time of the oldest sample.
# TYPE upshift_metrics_oldest_sample_timestamp_seconds gauge
upshift_metrics_oldest_sample_timestamp_seconds 1.7723664e+09
`
	if err := testutil.CollectAndCompare(s, strings.NewReader(want), "upshift_metrics_queries_total",
		"upshift_metrics_samples_appended_total", "upshift_metrics_series", "upshift_metrics_oldest_sample_timestamp_seconds"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(s); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if st := s.Stats(); st.DiskBytes <= 0 || st.MeanAppendSeconds <= 0 || st.HeadSeries != 2 {
		t.Errorf("stats %+v", st)
	}
}

// Appending, querying and closing at the same time: for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 50 {
				at := origin().Add(time.Duration(i) * time.Minute)
				_, queryErr := s.Query(t.Context(), "sum(rate(a_total[5m]))", at)
				_, seedErr := s.Seed(t.Context(), at.Add(-time.Hour), at, time.Minute)
				_, currentErr := s.Current(t.Context())
				for _, err := range []error{queryErr, seedErr, currentErr} {
					if err != nil && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
				}
				s.Stats()
			}
		})
	}
	for i := range 50 {
		appendAll(t, s, origin().Add(time.Duration(i)*time.Minute), 1, counter("a_total", float64(i)))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestManyQueriesWaitTheirTurn(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{})
	for range concurrentLimit {
		s.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var q *QueryError
	if _, err := s.Query(ctx, "a", origin()); !errors.As(err, &q) || q.Kind != KindCanceled {
		t.Errorf("a query that is cancelled while it waits: %v", err)
	}
	<-s.slots
	if _, err := s.Query(t.Context(), "a", origin()); err != nil {
		t.Errorf("a query with one place free: %v", err)
	}
}
