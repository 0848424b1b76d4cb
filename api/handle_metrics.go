package api

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/sentientcore/upshift/metrics"
)

const (
	maxPoints = 1500
	maxSpan   = 366 * 24 * time.Hour
)

// Point is the system at one time.
type Point struct {
	Timestamp time.Time `json:"timestamp"`
	// CPUUsage, MemoryUsage and ErrorRate are percentages.
	CPUUsage    float64 `json:"cpu_usage"`
	MemoryUsage float64 `json:"memory_usage"`
	// ResponseTime is the mean, in milliseconds.
	ResponseTime      float64 `json:"response_time"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	ErrorRate         float64 `json:"error_rate"`
}

// CurrentPoint is the system now.
type CurrentPoint struct {
	Enabled bool `json:"enabled"`
	Point
	// DiskUsage is the share in use of the file system that holds the data, in percent.
	DiskUsage float64 `json:"disk_usage"`
	// The disk and network figures are bytes a second.
	DiskRead        float64 `json:"disk_read"`
	DiskWrite       float64 `json:"disk_write"`
	NetworkReceive  float64 `json:"network_receive"`
	NetworkTransmit float64 `json:"network_transmit"`
	// Load is the load average of one minute.
	Load       float64 `json:"load"`
	Goroutines int     `json:"goroutines"`
	OpenFiles  int     `json:"open_files"`
}

type metricsInput struct {
	Hours float64   `query:"hours" minimum:"0" maximum:"8784" doc:"How far back, 24 by default; not together with start."`
	Start time.Time `query:"start" doc:"RFC 3339."`
	End   time.Time `query:"end" doc:"RFC 3339; now by default."`
	Step  float64   `query:"step" minimum:"0" maximum:"86400" doc:"Seconds; raised until 1,500 points suffice."`
}

// span is the interval that a request asks for.
func (in *metricsInput) span(now time.Time) (start, end time.Time, step time.Duration, p *Problem) {
	if math.IsNaN(in.Hours) || math.IsNaN(in.Step) {
		return start, end, 0, problem(http.StatusBadRequest, "hours and step must be numbers", "")
	}
	end = in.End
	if end.IsZero() || end.After(now) {
		end = now
	}
	start = in.Start
	switch {
	case !start.IsZero() && in.Hours > 0:
		return start, end, 0, problem(http.StatusBadRequest, "hours and start cannot both be given", "leave one out")
	case start.IsZero() && in.Hours > 0:
		start = end.Add(-time.Duration(in.Hours * float64(time.Hour)))
	case start.IsZero():
		start = end.Add(-24 * time.Hour)
	}
	length := end.Sub(start)
	if length <= 0 || length > maxSpan {
		return start, end, 0, problem(http.StatusBadRequest, "start must lie before end, by a year at most", "")
	}
	return start, end, stepFor(length, time.Duration(in.Step*float64(time.Second))), nil
}

// stepFor is the wanted step, or the least round one with which the points are few enough.
func stepFor(length, wanted time.Duration) time.Duration {
	least := length / (maxPoints - 1)
	if wanted > 0 {
		return metrics.SeedStep(length, wanted)
	}
	for _, seconds := range []int{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600} {
		if step := time.Duration(seconds) * time.Second; step >= least {
			return step
		}
	}
	return 24 * time.Hour
}

func (s *Server) metricsSeries(ctx context.Context, in *metricsInput) (*answer[[]Point], error) {
	start, end, step, p := in.span(time.Now())
	if p != nil {
		return nil, p
	}
	points := []Point{}
	if s.parts.Metrics != nil {
		seeds, err := s.parts.Metrics.Seed(ctx, start, end, step)
		if err != nil {
			return nil, s.internal("read metrics", err)
		}
		for _, seed := range seeds {
			points = append(points, pointOf(seed))
		}
	}
	if len(points) > maxPoints {
		points = points[len(points)-maxPoints:]
	}
	return &answer[[]Point]{Envelope[[]Point]{
		Success: true, Data: points,
		Metadata: &SeriesMetadata{
			Enabled: s.parts.Metrics != nil, StartTime: start.UTC(), EndTime: end.UTC(),
			TotalPoints: len(points), StepSeconds: step.Seconds(),
		},
	}}, nil
}

func pointOf(p metrics.Point) Point {
	return Point{
		Timestamp: p.Timestamp.UTC(), CPUUsage: p.CPUUsagePercent, MemoryUsage: p.MemoryUsagePercent,
		ResponseTime: p.ResponseTimeMS, RequestsPerSecond: p.RequestsPerSecond, ErrorRate: p.ErrorRatePercent,
	}
}

func (s *Server) metricsCurrent(ctx context.Context, _ *none) (*answer[CurrentPoint], error) {
	c, err := s.Current(ctx)
	if err != nil {
		return nil, s.internal("read metrics", err)
	}
	return &answer[CurrentPoint]{Envelope[CurrentPoint]{Success: true, Data: c, Timestamp: time.Now().UTC()}}, nil
}

// Current is the newest point, as /metrics/current and the event "metrics" show it; zeros
// when metrics are off.
func (s *Server) Current(ctx context.Context) (CurrentPoint, error) {
	if s.parts.Metrics == nil {
		return CurrentPoint{Point: Point{Timestamp: time.Now().UTC()}}, nil
	}
	c, err := s.parts.Metrics.Current(ctx)
	if err != nil {
		return CurrentPoint{}, err
	}
	return CurrentPoint{
		Enabled: true, Point: pointOf(c.Point), DiskUsage: c.DiskUsagePercent,
		DiskRead: c.DiskReadBytesPerSecond, DiskWrite: c.DiskWriteBytesPerSecond,
		NetworkReceive: c.NetworkReceiveBytesPerSecond, NetworkTransmit: c.NetworkTransmitBytesPerSecond,
		Load: c.Load1, Goroutines: c.Goroutines, OpenFiles: c.OpenFiles,
	}, nil
}

// internal logs a fault that the caller cannot do anything about.
func (s *Server) internal(doing string, err error) *Problem {
	s.logger.Error("request failed", "doing", doing, "err", err)
	return problem(http.StatusInternalServerError, doing+" went wrong", "see the log of the server")
}

// promAPI answers /api/v1/ in Prometheus' own shapes.
func (s *Server) promAPI() http.HandlerFunc {
	if s.parts.Metrics != nil {
		return s.parts.Metrics.Handler().ServeHTTP
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{ // a client that is gone needs no answer
			"status": "error", "errorType": "unavailable", "error": "metrics are switched off; set metrics.enabled: true",
		})
	}
}
