package metrics

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	dto "github.com/prometheus/client_model/go"
)

func TestSeedStep(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ length, wanted, want time.Duration }{
		{time.Hour, time.Minute, time.Minute},
		{time.Hour, 0, 3 * time.Second},
		{24 * time.Hour, time.Minute, time.Minute},
		{24 * time.Hour, time.Second, 58 * time.Second},
		{30 * 24 * time.Hour, time.Minute, 1730 * time.Second},
		{time.Second, time.Millisecond, time.Second},
		{0, 0, time.Second},
		{time.Hour, 90*time.Second + time.Microsecond, 90 * time.Second},
	} {
		got := SeedStep(tt.length, tt.wanted)
		if got != tt.want {
			t.Errorf("SeedStep(%v, %v) = %v, want %v", tt.length, tt.wanted, got, tt.want)
		}
		if points := tt.length/got + 1; points > MaxSeedPoints {
			t.Errorf("SeedStep(%v, %v) makes %d points", tt.length, tt.wanted, points)
		}
	}
}

// traffic is the families of a gathering: per ten seconds 20 requests of 250 ms, of which
// two fail.
func traffic(i int) []*dto.MetricFamily {
	n := float64(i)
	code := func(name string, v float64) *dto.Metric {
		return &dto.Metric{Label: pairs([]string{"code", name}), Counter: &dto.Counter{Value: &v}}
	}
	return []*dto.MetricFamily{
		gauge("upshift_system_cpu_usage_ratio", 0.25), gauge("upshift_system_memory_usage_ratio", 0.5),
		{Name: ptr("upshift_gateway_requests_total"), Type: ptr(dto.MetricType_COUNTER), Metric: []*dto.Metric{
			code("2xx", 18*n), code("5xx", 2*n),
		}},
		{Name: ptr("upshift_gateway_request_duration_seconds"), Type: ptr(dto.MetricType_HISTOGRAM), Metric: []*dto.Metric{
			{Histogram: &dto.Histogram{SampleCount: ptr(uint64(20 * n)), SampleSum: ptr(5 * n)}},
		}},
		gauge("upshift_system_disk_usage_ratio", 0.4), gauge("upshift_system_load1", 1.5),
		gauge("upshift_process_goroutines", 17), gauge("upshift_process_open_fds", 9),
		counter("upshift_system_network_receive_bytes_total", 1000*n), counter("upshift_system_network_transmit_bytes_total", 2000*n),
		counter("upshift_system_disk_read_bytes_total", 3000*n), counter("upshift_system_disk_written_bytes_total", 4000*n),
	}
}

// near tells apart what differs by more than rounding.
func near() cmp.Option { return cmpopts.EquateApprox(1e-9, 1e-9) }

func TestSeed(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{CollectionInterval: 10 * time.Second})
	at := origin()
	for i := range 61 {
		appendAll(t, s, at.Add(time.Duration(i)*10*time.Second), 15, traffic(i)...)
	}
	end := at.Add(10 * time.Minute)
	points, err := s.Seed(t.Context(), at.Add(-time.Hour), end.Add(30*time.Second), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 11 {
		t.Fatalf("%d points, want 11: none of the hour before", len(points))
	}
	want := Point{
		CPUUsagePercent: 25, MemoryUsagePercent: 50, ResponseTimeMS: 250, RequestsPerSecond: 2, ErrorRatePercent: 10,
	}
	for i, p := range points {
		want.Timestamp = at.Add(time.Duration(i) * time.Minute)
		full := want
		if i == 0 { // one gathering has no rate
			full.ResponseTimeMS, full.RequestsPerSecond, full.ErrorRatePercent = 0, 0, 0
		}
		if diff := cmp.Diff(full, p, near()); diff != "" && i != 1 { // the window of 1 reaches before the start
			t.Errorf("point %d: %s", i, diff)
		}
	}
	if empty, err := s.Seed(t.Context(), at.Add(-2*time.Hour), at.Add(-time.Hour), time.Minute); err != nil || empty == nil || len(empty) != 0 {
		t.Errorf("where nothing is stored: %v, %v", empty, err)
	}
	if none, err := s.Seed(t.Context(), at.Add(time.Second), at.Add(2*time.Second), time.Minute); err != nil || none == nil || len(none) != 0 {
		t.Errorf("between two steps: %v, %v", none, err)
	}
	if _, err := s.Seed(t.Context(), end, at, time.Minute); err == nil {
		t.Error("an end before the start was taken")
	}
}

// Points that are kept are those that would be computed anew, whatever is asked in between.
func TestSeedKeepsNothingThatChanges(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{CollectionInterval: 10 * time.Second})
	rng := rand.New(rand.NewPCG(3, 4))
	ask := func(i int) { // asked before anything is stored, too
		now := origin().Add(time.Duration(i)*10*time.Second + time.Duration(rng.IntN(10))*time.Second)
		start := now.Add(-time.Duration(rng.IntN(3600)) * time.Second)
		if rng.IntN(3) == 0 {
			now = now.Add(time.Duration(rng.IntN(600)) * time.Second) // into the future
		}
		step := []time.Duration{10 * time.Second, time.Minute}[rng.IntN(2)]
		got, err := s.Seed(t.Context(), start, now, step)
		if err != nil {
			t.Fatal(err)
		}
		s.seeds.clear()
		want, err := s.Seed(t.Context(), start, now, step)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, near()); diff != "" {
			t.Fatalf("beat %d, %v to %v by %v: %s", i, start, now, step, diff)
		}
	}
	// The cache is cleared by asking; what is asked between is what fills it.
	fill := func(i int) {
		now := origin().Add(time.Duration(i) * 10 * time.Second)
		for range 3 {
			from := now.Add(-time.Duration(rng.IntN(3600)) * time.Second)
			to := now.Add(time.Duration(rng.IntN(300)) * time.Second)
			if _, err := s.Seed(t.Context(), from, to, []time.Duration{10 * time.Second, time.Minute}[rng.IntN(2)]); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(0)
	for i := range 120 {
		if i%50 != 49 { // a gathering is missing now and then
			appendAll(t, s, origin().Add(time.Duration(i)*10*time.Second), 15, traffic(i+rng.IntN(2))...)
		}
		fill(i)
		ask(i)
		fill(i)
	}
}

func TestSeedFollowsTheInterval(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{CollectionInterval: 10 * time.Second})
	for i := range 10 {
		appendAll(t, s, origin().Add(time.Duration(i)*time.Minute), 15, traffic(i)...)
	}
	end := origin().Add(9 * time.Minute)
	rate := func() float64 {
		points, err := s.Seed(t.Context(), end, end, time.Second)
		if err != nil || len(points) != 1 {
			t.Fatalf("%v, %v", points, err)
		}
		return points[0].RequestsPerSecond
	}
	if got := rate(); got != 0 { // a window of 40 s holds one sample a minute
		t.Errorf("%v requests a second, want 0: not known", got)
	}
	if err := s.Apply(Config{CollectionInterval: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if got := rate(); math.Abs(got-1.0/3) > 1e-9 {
		t.Errorf("%v requests a second, want 1/3", got)
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	s := openStore(t, t.TempDir(), Config{CollectionInterval: 10 * time.Second})
	empty, err := s.Current(t.Context())
	if err != nil || empty.Timestamp.IsZero() {
		t.Fatalf("%+v, %v", empty, err)
	}
	empty.Timestamp = time.Time{}
	if empty != (Current{}) {
		t.Errorf("without data: %+v", empty)
	}
	now := time.Now()
	for i := range 10 {
		appendAll(t, s, now.Add(time.Duration(i-9)*10*time.Second), 15, traffic(i)...)
	}
	want := Current{
		Point:            Point{CPUUsagePercent: 25, MemoryUsagePercent: 50, ResponseTimeMS: 250, RequestsPerSecond: 2, ErrorRatePercent: 10},
		DiskUsagePercent: 40, Load1: 1.5, Goroutines: 17, OpenFiles: 9,
		NetworkReceiveBytesPerSecond: 100, NetworkTransmitBytesPerSecond: 200, DiskReadBytesPerSecond: 300, DiskWriteBytesPerSecond: 400,
	}
	queries := s.Stats().Queries
	for range 5 {
		got, err := s.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if since := time.Since(got.Timestamp); since < 0 || since > time.Minute {
			t.Errorf("timestamp %v", got.Timestamp)
		}
		got.Timestamp = time.Time{}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0.02, 0)); diff != "" {
			t.Error(diff)
		}
	}
	if got := s.Stats().Queries - queries; got != 13 {
		t.Errorf("%d queries for five answers, want 13: computed once for a gathering", got)
	}
}

func TestFloorDiv(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ a, b, want int64 }{{7, 2, 3}, {-7, 2, -4}, {-8, 2, -4}, {0, 5, 0}, {-1, 60, -1}} {
		if got := floorDiv(tt.a, tt.b); got != tt.want {
			t.Errorf("floorDiv(%d, %d) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
