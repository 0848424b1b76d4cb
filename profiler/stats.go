package profiler

import "time"

// OtherFunction is the name that calls are counted under once MaxFunctions names are known.
const OtherFunction = "(other)"

// Stats describes the profiler itself.
type Stats struct {
	// Enabled tells whether calls are being recorded.
	Enabled bool `json:"enabled"`
	// ThresholdSeconds is the duration from which a call is kept as an exemplar.
	ThresholdSeconds float64 `json:"threshold_seconds"`
	// Functions is the number of names known, [OtherFunction] included once it was needed.
	Functions int `json:"functions"`
	// MaxFunctions bounds the names.
	MaxFunctions int `json:"max_functions"`
	// Calls and Errors add up all functions.
	Calls  uint64 `json:"calls"`
	Errors uint64 `json:"errors"`
	// Overflowed counts the calls whose name found no room, since start.
	Overflowed uint64 `json:"overflowed"`
	// TimeEvery is one in how many calls of a function is timed; all are counted.
	TimeEvery int `json:"time_every"`
	// CallOverheadSeconds is what it costs to time a call, measured on this machine.
	CallOverheadSeconds float64 `json:"call_overhead_seconds"`
	// OverheadRatio is the share of one processor that recording took since at least ten
	// seconds ago: the calls recorded, times what each kind of them costs.
	OverheadRatio float64 `json:"overhead_ratio"`
}

// FunctionStats is what is known of one function since it was first called or cleared.
// A duration is within [RelativeError] of the truth where it is a percentile and exact
// elsewhere. Durations are all zero before the first timed call ends.
type FunctionStats struct {
	Name   string `json:"name"`
	Calls  uint64 `json:"calls"`
	Errors uint64 `json:"errors"`
	// TimedCalls are the calls that the durations come from: all of them, or about one in
	// [Config.TimeEvery], chosen by chance. Total and self are then estimates for all calls.
	TimedCalls uint64 `json:"timed_calls"`

	MinSeconds  float64 `json:"min_seconds"`
	MaxSeconds  float64 `json:"max_seconds"`
	MeanSeconds float64 `json:"mean_seconds"`
	P50Seconds  float64 `json:"p50_seconds"`
	P90Seconds  float64 `json:"p90_seconds"`
	P95Seconds  float64 `json:"p95_seconds"`
	P99Seconds  float64 `json:"p99_seconds"`
	P999Seconds float64 `json:"p999_seconds"`

	// TotalSeconds adds up all calls; a function that calls itself counts inner calls again.
	TotalSeconds float64 `json:"total_seconds"`
	// SelfSeconds is TotalSeconds without the time in which at least one nested call ran.
	// Calls nest through the context of [Profiler.StartContext].
	SelfSeconds float64 `json:"self_seconds"`

	// Cost is what a call takes of a processor and allocates, where that is measured.
	Cost Cost `json:"cost"`
	// Cause is why it is slow, where something stands out.
	Cause *Cause `json:"cause,omitempty"`
	// Recent is the same over about the last minute.
	Recent Window `json:"recent"`
	// Exemplars are the newest calls at or over the threshold, newest first.
	Exemplars []Exemplar `json:"exemplars"`
	// RecentErrors are the newest failed calls of any duration, newest first.
	RecentErrors []Exemplar `json:"recent_errors"`
	// LastCalled is when the newest call ended, to a millisecond.
	LastCalled time.Time `json:"last_called"`
}

// Window is the statistics of the calls that ended in the last SpanSeconds.
type Window struct {
	// SpanSeconds is how far back the window reaches: 60 to 75 seconds once the function
	// is that old, and the time since its first call (or clearing) before.
	SpanSeconds float64 `json:"span_seconds"`
	Calls       uint64  `json:"calls"`
	Errors      uint64  `json:"errors"`
	MeanSeconds float64 `json:"mean_seconds"`
	P50Seconds  float64 `json:"p50_seconds"`
	P95Seconds  float64 `json:"p95_seconds"`
	P99Seconds  float64 `json:"p99_seconds"`
}

// Exemplar is one call that was kept because it was slow or failed.
type Exemplar struct {
	// Time is when the call began.
	Time time.Time `json:"time"`
	// Seconds is how long it took; 0 for a failed call that was only counted.
	Seconds float64 `json:"seconds"`
	// Error is the error's or panic's text, cut to 256 bytes; empty when the call succeeded.
	Error string `json:"error,omitempty"`
	// Panicked tells that the call ended by a panic or runtime.Goexit.
	Panicked bool `json:"panicked,omitempty"`
	// Labels are the pprof labels of the call's context, at most 8.
	Labels map[string]string `json:"labels,omitempty"`
	// TraceID is the W3C trace id of the call, when its context or request carried one.
	TraceID string `json:"trace_id,omitempty"`
}

// Bottleneck is a function and what its slowest calls cost.
type Bottleneck struct {
	FunctionStats
	// Percentile is where the slow calls begin, 0 to 100, and PercentileSeconds the
	// duration found there.
	Percentile        float64 `json:"percentile"`
	PercentileSeconds float64 `json:"percentile_seconds"`
	// SlowCalls is the number of calls at or above the percentile.
	SlowCalls uint64 `json:"slow_calls"`
	// SlowMeanSeconds is their mean duration.
	SlowMeanSeconds float64 `json:"slow_mean_seconds"`
	// ImpactSeconds is SlowCalls × SlowMeanSeconds: the time spent in slow calls.
	ImpactSeconds float64 `json:"impact_seconds"`
	// Recommendations name the evidence they rest on; empty where nothing stands out.
	Recommendations []string `json:"recommendations"`
}
