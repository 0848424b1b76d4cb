package alert

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func origin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// testRule fires above 10 after 60 s and resolves below 9 after 120 s.
func testRule() Rule {
	return Rule{
		Name: "load", Description: "Load", Unit: "%", Action: "act", Threshold: 10, ResolveThreshold: 9,
		WindowSeconds: 240, ForSeconds: 60, KeepFiringSeconds: 120,
	}
}

// play feeds values, one every 30 s, to a rule; "-" is no data. It returns each change as
// "N status", N being the index of the value.
func play(values string) (changes []string) {
	var tr track
	for i, field := range strings.Fields(values) {
		now := reading{at: origin().Add(time.Duration(i) * 30 * time.Second)}
		if field != "-" {
			now.known = true
			if _, err := fmt.Sscan(field, &now.value); err != nil {
				panic(err)
			}
		}
		if c := tr.step(testRule(), now); c != nil {
			changes = append(changes, fmt.Sprint(i, " ", c.Status))
		}
	}
	return changes
}

func TestStates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, values, want string }{
		{"calm", "1 9 10 10 1", ""},
		{"at the threshold is not above", "10 10 10 10 10", ""},
		{"fires after for", "11 11 11 11", "0 pending,2 firing"},
		{"a blip never fires", "11 1 1 11 11 1", "0 pending,1 inactive,3 pending,5 inactive"},
		{"pending starts anew", "11 11 10 11 11 11", "0 pending,2 inactive,3 pending,5 firing"},
		{"resolves after keep firing", "11 11 11 1 1 1 1 1 1", "0 pending,2 firing,7 resolved"},
		{"between the thresholds it goes on", "11 11 11 9.5 9.5 9.5 9.5 9.5 9.5 9.5 9", "0 pending,2 firing"},
		{"a relapse restarts the wait", "11 11 11 1 1 1 1 9.5 1 1 1 1 1", "0 pending,2 firing,12 resolved"},
		{"swinging is one alert", "11 11 11 8 11 8 11 8 11 8 11 8 11", "0 pending,2 firing"},
		{"no data never resolves", "11 11 11 - - - - - - - - - - -", "0 pending,2 firing"},
		{"no data never fires", "11 - - - - - -", "0 pending"},
		{"no data keeps what counted", "11 11 - - - 11 11", "0 pending,6 firing"},
		{"no data while recovering counts nothing", "11 11 11 1 1 - - - - 1 1 1 1", "0 pending,2 firing,12 resolved"},
		{"no data at first", "- - - 11 11 11", "3 pending,5 firing"},
		{"again after resolved", "11 11 11 1 1 1 1 1 11 11 11", "0 pending,2 firing,7 resolved,8 pending,10 firing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(play(tt.values), ","); got != tt.want {
				t.Errorf("changes %q, want %q", got, tt.want)
			}
		})
	}
}

// An evaluation that comes late proves no more than its window.
func TestLateEvaluationCountsItsWindow(t *testing.T) {
	t.Parallel()
	r := testRule()
	r.ForSeconds, r.WindowSeconds = 600, 240
	var tr track
	at := origin()
	for i, want := range []string{"pending", "", "", "firing"} { // 240 s each, not an hour
		got := ""
		if c := tr.step(r, reading{at: at.Add(time.Duration(i) * time.Hour), value: 11, known: true}); c != nil {
			got = c.Status
		}
		if got != want {
			t.Errorf("evaluation %d: %q, want %q", i, got, want)
		}
	}
	// A clock that is set back takes nothing away and adds nothing.
	var back track
	back.step(r, reading{at: at, value: 11, known: true})
	back.step(r, reading{at: at.Add(-time.Hour), value: 11, known: true})
	if back.held != 0 {
		t.Errorf("held %v after the clock was set back, want 0", back.held)
	}
}

func TestAlertTellsItsEvidence(t *testing.T) {
	t.Parallel()
	r := testRule()
	r.MinRequests = 20
	var tr track
	var fired, resolved *Transition
	for i, v := range []float64{11, 30, 12, 1, 2, 2, 2, 2} {
		c := tr.step(r, reading{at: origin().Add(time.Duration(i) * 30 * time.Second), value: v, requests: 40, known: true})
		switch {
		case c != nil && c.Status == StatusFiring:
			fired = c
		case c != nil && c.Status == StatusResolved:
			resolved = c
		}
	}
	at := origin()
	id := fmt.Sprintf("load-%d", at.UnixMilli())
	want := &Transition{From: StatusPending, At: at.Add(time.Minute), Alert: Alert{
		ID: id, Status: StatusFiring, Rule: "load", Value: 12, Peak: 30, Threshold: 10, Unit: "%",
		Since: at, FiredAt: at.Add(time.Minute), Summary: "Load is 12.0 % (threshold 10.0 %)", Action: "act",
		Evidence: []string{
			"12.0 % over the last 4m0s at 12:01:00 UTC, threshold 10.0 %", "measured on 40 requests",
			"highest 30.0 % since 2026-03-01 12:00:00 UTC",
		},
	}}
	if diff := cmp.Diff(want, fired); diff != "" {
		t.Errorf("firing: %s", diff)
	}
	if resolved == nil || resolved.ID != id || resolved.From != StatusFiring || !resolved.Since.Equal(at) ||
		resolved.Value != 2 || resolved.Peak != 30 || resolved.Summary != "Load is back at 2.0 % (threshold 10.0 %)" {
		t.Errorf("resolved: %+v", resolved)
	}
	if got := tr.view(r); got.Status != StatusInactive {
		t.Errorf("after it resolved the state is %q", got.Status)
	}
}

// Whatever the values, changes follow the order of states, and each is backed by readings.
func TestStatesAgainstModel(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		values := make([]string, 60)
		level := 0.0
		for i := range values {
			if rng.IntN(4) == 0 {
				level = 14 * rng.Float64()
			}
			values[i] = fmt.Sprintf("%.1f", level)
			if rng.IntN(12) == 0 {
				values[i] = "-"
			}
		}
		got := strings.Join(play(strings.Join(values, " ")), ",")
		if want := strings.Join(model(values), ","); got != want {
			t.Fatalf("%v\n got %s\nwant %s", values, got, want)
		}
	}
}

// model says the same as track by looking back over all readings at every step: an alert
// fires after two adjacent pairs above in one unbroken excursion, and resolves after four
// adjacent pairs well below.
func model(values []string) (changes []string) {
	num := func(i int) (v float64, known bool) {
		_, err := fmt.Sscan(values[i], &v)
		return v, err == nil
	}
	pairs := func(from, to int, holds func(float64) bool) int {
		n := 0
		for i := to; i > from; i-- {
			v, known := num(i)
			if known && !holds(v) {
				break
			}
			if before, knownBefore := num(i - 1); known && knownBefore && holds(before) {
				n++
			}
		}
		return n
	}
	state, from := StatusInactive, 0
	change := func(i int, to string) {
		changes = append(changes, fmt.Sprint(i, " ", to))
		state, from = to, i
	}
	for i := range values {
		v, known := num(i)
		switch {
		case !known:
		case state == StatusPending && v <= 10:
			change(i, StatusInactive)
		case state == StatusPending && pairs(from, i, func(v float64) bool { return v > 10 }) >= 2:
			change(i, StatusFiring)
		case state == StatusFiring && pairs(from, i, func(v float64) bool { return v < 9 }) >= 4:
			change(i, StatusResolved)
		case (state == StatusInactive || state == StatusResolved) && v > 10:
			change(i, StatusPending)
		}
	}
	return changes
}
