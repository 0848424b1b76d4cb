package alert

import (
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are what an engine counts.
type counters struct {
	evaluations, errors, noData uint64
	changes                     map[change]uint64
}

type change struct{ rule, to string }

func (c *counters) change(rule, to string) {
	if c.changes == nil {
		c.changes = map[change]uint64{}
	}
	c.changes[change{rule, to}]++
}

// Stats is the state of an [Engine].
type Stats struct {
	// Pending and Firing are numbers of alerts.
	Pending int `json:"pending"`
	Firing  int `json:"firing"`
	// Evaluations are rounds over all rules; Errors and NoData are rules in them that could
	// not be evaluated or had no value.
	Evaluations uint64        `json:"evaluations"`
	Errors      uint64        `json:"errors"`
	NoData      uint64        `json:"no_data"`
	Notifier    NotifierStats `json:"notifier"`
}

// NotifierStats is the state of the way to the webhook.
type NotifierStats struct {
	// Enabled means that a webhook is configured.
	Enabled bool `json:"enabled"`
	// Queued notifications wait; InFlight means that one is being sent.
	Queued   int  `json:"queued"`
	InFlight bool `json:"in_flight"`
	// Sent were taken by the receiver; Retries are tries that were followed by another.
	Sent    uint64 `json:"sent"`
	Retries uint64 `json:"retries"`
	// Dropped were not sent, by reason: queue_full, refused, given_up, shutdown, disabled.
	Dropped map[string]uint64 `json:"dropped"`
	// LastSent is zero before the first; LastError is empty after a success.
	LastSent  time.Time `json:"last_sent,omitzero"`
	LastError string    `json:"last_error,omitempty"`
}

// Stats returns the state of the engine.
func (e *Engine) Stats() Stats {
	st := Stats{Notifier: e.notifier.snapshot()}
	e.mu.Lock()
	defer e.mu.Unlock()
	st.Evaluations, st.Errors, st.NoData = e.count.evaluations, e.count.errors, e.count.noData
	for _, t := range e.tracks {
		switch t.state {
		case StatusPending:
			st.Pending++
		case StatusFiring:
			st.Firing++
		}
	}
	return st
}

func (n *notifier) snapshot() NotifierStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	st := n.stats
	st.Enabled, st.Queued = n.hook != nil, len(n.queue)
	st.Dropped = maps.Clone(n.stats.Dropped)
	for _, reason := range dropReasons() {
		st.Dropped[reason] += 0 // every reason is shown
	}
	return st
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_alert_"+name, help, labels, nil)
}

// Descriptions of the metrics; they never change.
var (
	descState       = desc("state", "1 for the state that the rule is in.", "rule", "state")
	descNoData      = desc("no_data", "1 while the rule has no value.", "rule")
	descThreshold   = desc("threshold", "Threshold of the rule, in its unit.", "rule", "unit")
	descValue       = desc("value", "Value of the rule, in its unit; missing without data.", "rule", "unit")
	descTransitions = desc("transitions_total", "Changes of an alert's status.", "rule", "to")
	descEvaluations = desc("evaluations_total", "Rounds over all rules.")
	descErrors      = desc("evaluation_errors_total", "Rules that could not be evaluated.")
	descSent        = desc("notifications_sent_total", "Notifications that the webhook took.")
	descRetries     = desc("notification_retries_total", "Tries of a notification that were followed by another.")
	descDropped     = desc("notifications_dropped_total", "Notifications that were not sent.", "reason")
	descQueue       = desc("notification_queue", "Notifications that wait.")
)

// Describe implements [prometheus.Collector].
func (e *Engine) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descState, descNoData, descThreshold, descValue, descTransitions, descEvaluations, descErrors,
		descSent, descRetries, descDropped, descQueue,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (e *Engine) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, r := range e.Rules() {
		for _, state := range []string{StatusInactive, StatusPending, StatusFiring} {
			gauge(descState, one(r.State == state), r.Name, state)
		}
		gauge(descNoData, one(r.NoData), r.Name)
		gauge(descThreshold, r.Threshold, r.Name, r.Unit)
		if !r.NoData {
			gauge(descValue, r.Value, r.Name, r.Unit)
		}
		for _, to := range []string{StatusInactive, StatusPending, StatusFiring, StatusResolved} {
			count(descTransitions, e.changes(r.Name, to), r.Name, to)
		}
	}
	st := e.Stats()
	count(descEvaluations, st.Evaluations)
	count(descErrors, st.Errors)
	count(descSent, st.Notifier.Sent)
	count(descRetries, st.Notifier.Retries)
	gauge(descQueue, float64(st.Notifier.Queued))
	for _, reason := range dropReasons() {
		count(descDropped, st.Notifier.Dropped[reason], reason)
	}
}

func (e *Engine) changes(rule, to string) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count.changes[change{rule, to}]
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
