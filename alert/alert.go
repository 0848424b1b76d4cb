package alert

import (
	"fmt"
	"time"
)

// Statuses of an [Alert].
const (
	// StatusInactive means that the value went back before the alert fired.
	StatusInactive = "inactive"
	// StatusPending means above the threshold, not yet for long enough.
	StatusPending = "pending"
	// StatusFiring means above the threshold for long, and not yet well below it.
	StatusFiring = "firing"
	// StatusResolved means well below the threshold for long enough.
	StatusResolved = "resolved"
)

// Alert is one excursion of a value above its threshold.
type Alert struct {
	// ID is the same from pending to resolved, and of no other alert.
	ID string `json:"id"`
	// Status is one of the Status constants.
	Status string `json:"status"`
	// Rule is the name of the rule.
	Rule string `json:"rule"`
	// Value is the last one known, Peak the highest since Since; Unit is theirs and
	// Threshold's.
	Value     float64 `json:"value"`
	Peak      float64 `json:"peak"`
	Threshold float64 `json:"threshold"`
	Unit      string  `json:"unit"`
	// Since is when the value was first seen above the threshold, FiredAt when the alert
	// fired.
	Since   time.Time `json:"since"`
	FiredAt time.Time `json:"fired_at,omitzero"`
	// NoData means that the last evaluation had no value; Recovering that the value is well
	// below the threshold, not yet for long enough.
	NoData     bool   `json:"no_data"`
	Recovering bool   `json:"recovering"`
	Summary    string `json:"summary"`
	Action     string `json:"action"`
	// Evidence are the figures that the alert rests on, each with its unit.
	Evidence []string `json:"evidence"`
}

// Transition is a change of an alert's status. It is what a webhook receives.
type Transition struct {
	Alert
	// From is the status before.
	From string `json:"from"`
	// At is when it was noticed.
	At time.Time `json:"at"`
}

// reading is what one evaluation of a rule saw.
type reading struct {
	at       time.Time
	value    float64
	requests float64 // that the value rests on, for a rule about requests
	known    bool
	err      error
}

// track is what is known of one rule. The zero value is an inactive rule.
type track struct {
	state string        // inactive (or empty), pending, firing
	held  time.Duration // how long the evidence for the next state has lasted
	alert Alert
	last  reading // of the last evaluation
	known reading // the last one with a value
}

// step takes the next reading and returns the transition that it caused, or nil.
func (t *track) step(r Rule, now reading) *Transition {
	before := t.last
	t.last = now
	if !now.known {
		return nil
	}
	lasted := time.Duration(0)
	if before.known { // a reading speaks of its window, no more
		lasted = min(max(now.at.Sub(before.at), 0), seconds(r.WindowSeconds))
	}
	t.known = now
	over, well := now.value > r.Threshold, now.value < r.ResolveThreshold
	switch t.state {
	case StatusPending:
		return t.pending(r, now, over, lasted)
	case StatusFiring:
		wasWell := before.known && before.value < r.ResolveThreshold
		return t.firing(r, now, well, wasWell, lasted)
	default:
		if !over {
			return nil
		}
		t.alert = Alert{ID: fmt.Sprintf("%s-%d", r.Name, now.at.UnixMilli()), Since: now.at.UTC()}
		return t.become(r, now, StatusPending)
	}
}

func (t *track) pending(r Rule, now reading, over bool, lasted time.Duration) *Transition {
	if !over {
		return t.become(r, now, StatusInactive)
	}
	if t.held += lasted; t.held < seconds(r.ForSeconds) {
		t.alert.Peak = max(t.alert.Peak, now.value)
		return nil
	}
	t.alert.FiredAt = now.at.UTC()
	return t.become(r, now, StatusFiring)
}

func (t *track) firing(r Rule, now reading, well, wasWell bool, lasted time.Duration) *Transition {
	t.alert.Peak = max(t.alert.Peak, now.value)
	switch {
	case !well:
		t.held = 0
		return nil
	case wasWell:
		t.held += lasted
	}
	if t.held < seconds(r.KeepFiringSeconds) {
		return nil
	}
	return t.become(r, now, StatusResolved)
}

// become changes the state and tells of it.
func (t *track) become(r Rule, now reading, status string) *Transition {
	from := t.state
	if from == "" {
		from = StatusInactive
	}
	t.state, t.held = status, 0
	t.alert.Peak = max(t.alert.Peak, now.value)
	tr := &Transition{Alert: t.view(r), From: from, At: now.at.UTC()}
	if status == StatusResolved {
		t.state = StatusInactive
	}
	return tr
}

// view is the alert as it is now, judged by r.
func (t *track) view(r Rule) Alert {
	a := t.alert
	a.Status, a.Rule, a.Unit, a.Threshold, a.Action = t.state, r.Name, r.Unit, r.Threshold, r.Action
	a.Value, a.NoData = t.known.value, !t.last.known
	a.Recovering = t.state == StatusFiring && t.last.known && a.Value < r.ResolveThreshold
	a.Summary = summary(r, a)
	a.Evidence = t.evidence(r, a)
	return a
}

func summary(r Rule, a Alert) string {
	switch a.Status {
	case StatusResolved, StatusInactive:
		return fmt.Sprintf("%s is back at %s (threshold %s)", r.Description, r.number(a.Value), r.number(r.Threshold))
	default:
		return fmt.Sprintf("%s is %s (threshold %s)", r.Description, r.number(a.Value), r.number(r.Threshold))
	}
}

func (t *track) evidence(r Rule, a Alert) []string {
	list := []string{fmt.Sprintf("%s over the last %v at %s, threshold %s", r.number(a.Value),
		seconds(r.WindowSeconds), t.known.at.UTC().Format(time.TimeOnly+" MST"), r.number(r.Threshold))}
	if r.MinRequests > 0 {
		list = append(list, fmt.Sprintf("measured on %.0f requests", t.known.requests))
	}
	list = append(list, fmt.Sprintf("highest %s since %s", r.number(a.Peak), a.Since.Format(time.DateTime+" MST")))
	if a.NoData {
		list = append(list, "no data at the last evaluation; the state is kept until there is")
	}
	return list
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
