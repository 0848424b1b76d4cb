package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/capture"
)

const slowestShown = 10

// ProfilerSummary is what the profiler knows in short.
type ProfilerSummary struct {
	profiler.Stats
	// Slowest are the ten functions with the greatest mean duration.
	Slowest []profiler.FunctionStats `json:"slowest"`
	// Resources is the system now.
	Resources CurrentPoint `json:"resources"`
	// Captures describes the captures of profiles.
	Captures capture.Stats `json:"captures"`
}

func (s *Server) profilerSummary(ctx context.Context, _ *none) (*answer[ProfilerSummary], error) {
	v := ProfilerSummary{Slowest: []profiler.FunctionStats{}, Captures: s.parts.Captures.Stats()}
	var err error
	if v.Resources, err = s.Current(ctx); err != nil {
		return nil, s.internal("read metrics", err)
	}
	if s.parts.Profiler == nil {
		return ok(v)
	}
	v.Stats = s.parts.Profiler.Stats()
	v.Slowest = functionViews(s.parts.Profiler.Functions())
	sortDown(v.Slowest, func(f profiler.FunctionStats) float64 { return f.MeanSeconds })
	v.Slowest = v.Slowest[:min(len(v.Slowest), slowestShown)]
	return ok(v)
}

// functionViews gives every list in fs a value: an empty one is no null.
func functionViews(fs []profiler.FunctionStats) []profiler.FunctionStats {
	views := make([]profiler.FunctionStats, len(fs))
	for i, f := range fs {
		views[i] = functionView(f)
	}
	return views
}

func functionView(f profiler.FunctionStats) profiler.FunctionStats {
	f.Exemplars = append([]profiler.Exemplar{}, f.Exemplars...)
	f.RecentErrors = append([]profiler.Exemplar{}, f.RecentErrors...)
	return f
}

// sortDown sorts by a figure, greatest first.
func sortDown[T any](list []T, figure func(T) float64) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(figure(b), figure(a)) })
}

type listInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

func (s *Server) profilerFunctions(_ context.Context, in *listInput) (*answer[[]profiler.FunctionStats], error) {
	if s.parts.Profiler == nil {
		return ok([]profiler.FunctionStats{})
	}
	fs := functionViews(s.parts.Profiler.Functions())
	sortDown(fs, func(f profiler.FunctionStats) float64 { return f.TotalSeconds })
	return ok(fs[:min(len(fs), in.Limit)])
}

type nameInput struct {
	Name string `path:"name" maxLength:"512" doc:"The function's name, escaped."`
}

func (s *Server) profilerFunction(_ context.Context, in *nameInput) (*answer[profiler.FunctionStats], error) {
	if s.parts.Profiler != nil {
		if f, found := s.parts.Profiler.Function(in.Name); found {
			return ok(functionView(f))
		}
	}
	return nil, s.unknownFunction(in.Name)
}

func (s *Server) unknownFunction(name string) *Problem {
	var known []string
	if s.parts.Profiler != nil {
		for _, f := range s.parts.Profiler.Functions() {
			known = append(known, f.Name)
		}
	}
	hint := "see " + base + "/profiler/functions"
	if near := nearest(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return problem(http.StatusNotFound, fmt.Sprintf("no function %q was called", clip(name, 128)), hint)
}

type bottleneckInput struct {
	Percentile float64 `query:"percentile" minimum:"0" maximum:"100" default:"95" doc:"Where slow calls begin."`
	Limit      int     `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

func (s *Server) profilerBottlenecks(_ context.Context, in *bottleneckInput) (*answer[[]profiler.Bottleneck], error) {
	if math.IsNaN(in.Percentile) {
		return nil, problem(http.StatusBadRequest, "query.percentile: must be a number", "")
	}
	if s.parts.Profiler == nil {
		return ok([]profiler.Bottleneck{})
	}
	found := s.parts.Profiler.Bottlenecks(in.Percentile)
	views := make([]profiler.Bottleneck, 0, len(found))
	for _, b := range found {
		b.FunctionStats = functionView(b.FunctionStats)
		b.Recommendations = append([]string{}, b.Recommendations...)
		views = append(views, b)
	}
	return ok(views[:min(len(views), in.Limit)])
}

type profilerInput struct {
	Body struct {
		Enabled          *bool    `json:"enabled,omitempty" doc:"Whether calls are recorded."`
		ThresholdSeconds *float64 `json:"threshold_seconds,omitempty" minimum:"0" maximum:"86400" doc:"Slower calls are kept."`
	}
}

func (s *Server) profilerSet(_ context.Context, in *profilerInput) (*answer[profiler.Stats], error) {
	p := s.parts.Profiler
	if p == nil {
		return nil, off("profiler", "profiler.enabled: true")
	}
	if in.Body.Enabled == nil && in.Body.ThresholdSeconds == nil {
		return nil, problem(http.StatusBadRequest, "nothing to change", "give enabled or threshold_seconds")
	}
	if t := in.Body.ThresholdSeconds; t != nil {
		p.SetThreshold(time.Duration(*t * float64(time.Second)))
	}
	if on := in.Body.Enabled; on != nil {
		p.SetEnabled(*on)
	}
	return ok(p.Stats())
}

// Removed is how many functions were forgotten.
type Removed struct {
	Functions int `json:"functions"`
}

func (s *Server) profilerClear(context.Context, *none) (*answer[Removed], error) {
	if s.parts.Profiler == nil {
		return nil, off("profiler", "profiler.enabled: true")
	}
	n := s.parts.Profiler.ClearAll()
	return said(Removed{n}, fmt.Sprintf("%d functions cleared", n))
}

func (s *Server) profilerClearOne(_ context.Context, in *nameInput) (*answer[Removed], error) {
	if s.parts.Profiler == nil {
		return nil, off("profiler", "profiler.enabled: true")
	}
	if !s.parts.Profiler.Clear(in.Name) {
		return nil, s.unknownFunction(in.Name)
	}
	return said(Removed{1}, "function "+in.Name+" cleared")
}
