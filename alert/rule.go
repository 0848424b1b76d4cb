package alert

import (
	"fmt"
	"time"

	"github.com/sentientcore/upshift/metrics"
)

// Names of the rules.
const (
	RuleResponseTime = "response_time"
	RuleCPUUsage     = "cpu_usage"
	RuleMemoryUsage  = "memory_usage"
	RuleErrorRate    = "error_rate"
)

// resolveShare is the share of the threshold below which a value counts as well again.
const resolveShare = 0.9

// requestsExpr is the number of requests in a window, which rules about requests rest on.
const requestsExpr = `sum(increase(upshift_gateway_requests_total[%s]))`

// Rule is a condition that is watched, and its state.
type Rule struct {
	Name string `json:"name"`
	// Description says what the condition means.
	Description string `json:"description"`
	// Expr is the PromQL expression whose value is compared.
	Expr string `json:"expr"`
	// Unit is of Value and of the thresholds: s or %.
	Unit string `json:"unit"`
	// Threshold is exceeded before the alert fires; the value must come below
	// ResolveThreshold before it resolves.
	Threshold        float64 `json:"threshold"`
	ResolveThreshold float64 `json:"resolve_threshold"`
	// WindowSeconds is how far Expr looks back.
	WindowSeconds     float64 `json:"window_seconds"`
	ForSeconds        float64 `json:"for_seconds"`
	KeepFiringSeconds float64 `json:"keep_firing_seconds"`
	// MinRequests is how many requests in the window the value must rest on; 0 for a rule
	// that is not about requests.
	MinRequests int `json:"min_requests"`
	// Action is what to do when it fires.
	Action string `json:"action"`

	// State is inactive, pending or firing.
	State string `json:"state"`
	// Value is the last one known; NoData means that the last evaluation had none.
	Value  float64 `json:"value"`
	NoData bool    `json:"no_data"`
	// EvaluatedAt is zero before the first evaluation.
	EvaluatedAt time.Time `json:"evaluated_at,omitzero"`
	// LastError is why the last evaluation failed.
	LastError string `json:"last_error,omitempty"`
}

// window is what a rule looks back over: a minute, but at least four gatherings, as the
// charts do.
func window(store metrics.Config) time.Duration { return max(time.Minute, 4*store.CollectionInterval) }

// rulesOf returns the rules in a fixed order, without state.
func rulesOf(c Config, t Thresholds, over time.Duration) []Rule {
	w := over.String()
	rules := []Rule{
		{
			Name: RuleResponseTime, Description: "Mean response time of the gateway", Unit: "s",
			Threshold: t.ResponseTime.Seconds(), MinRequests: c.MinRequests,
			Expr: fmt.Sprintf(`sum(rate(upshift_gateway_request_duration_seconds_sum[%s]))`+
				` / sum(rate(upshift_gateway_request_duration_seconds_count[%s]))`, w, w),
			Action: "Look at the load balancer's servers for the slow one and drain it; " +
				"then at the profiler for the slowest step.",
		},
		{
			Name: RuleCPUUsage, Description: "CPU use of all processors", Unit: "%",
			Threshold: t.CPUUsagePercent,
			Expr:      fmt.Sprintf(`100 * avg(avg_over_time(upshift_system_cpu_usage_ratio[%s]))`, w),
			Action:    "Capture a CPU profile to see what runs, then move work away or add processors.",
		},
		{
			Name: RuleMemoryUsage, Description: "Memory use", Unit: "%",
			Threshold: t.MemoryUsagePercent,
			Expr:      fmt.Sprintf(`100 * avg(avg_over_time(upshift_system_memory_usage_ratio[%s]))`, w),
			Action:    "Lower cache.max_bytes or raise the memory limit; look for suspected leaks in the memory statistics.",
		},
		{
			Name: RuleErrorRate, Description: "Share of requests answered with 5xx", Unit: "%",
			Threshold: t.ErrorRatePercent, MinRequests: c.MinRequests,
			// A series of 5xx exists only after the first one: none means a rate of zero.
			Expr: fmt.Sprintf(`100 * (sum(rate(upshift_gateway_requests_total{code="5xx"}[%s])) or vector(0))`+
				` / sum(rate(upshift_gateway_requests_total[%s]))`, w, w),
			Action: "Look at the error rate and the last check of each server of the load balancer; drain the failing one.",
		},
	}
	for i := range rules {
		r := &rules[i]
		r.ResolveThreshold = resolveShare * r.Threshold
		r.WindowSeconds, r.ForSeconds, r.KeepFiringSeconds = over.Seconds(), c.For.Seconds(), c.KeepFiring.Seconds()
		r.State = StatusInactive
	}
	return rules
}

// number writes a value of the rule with its unit.
func (r Rule) number(v float64) string {
	if r.Unit == "s" {
		return time.Duration(v * float64(time.Second)).Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%.1f %%", v)
}
