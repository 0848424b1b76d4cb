package balancer

import (
	"testing"
	"time"
)

// An outage leaves what counts as recent when five full minutes have passed since.
func TestOutcomesForget(t *testing.T) {
	t.Parallel()
	var o outcomes
	at := func(minutes float64) int64 { return int64(minutes * float64(time.Minute)) }
	if got := o.recent(at(0)); got != (Outcomes{SuccessPercent: 100}) {
		t.Errorf("without a call: got %+v", got)
	}
	for range 30 {
		o.record(at(0.5), false)
	}
	for minute := 1.0; minute < 20; minute++ { // long enough for every place to be taken over
		for range 10 {
			o.record(at(minute), true)
		}
		want := Outcomes{Succeeded: uint64(10 * min(minute, outcomeMinutes+1))}
		if minute <= outcomeMinutes {
			want.Failed = 30
		}
		want.SuccessPercent = 100 * float64(want.Succeeded) / float64(want.Ended())
		if got := o.recent(at(minute + 0.9)); got != want {
			t.Errorf("minute %v: got %+v, want %+v", minute, got, want)
		}
	}
	if got := o.recent(at(100)); got.Ended() != 0 {
		t.Errorf("long after the last call: got %+v", got)
	}
}

func TestStatsTellRecentOutcomes(t *testing.T) {
	t.Parallel()
	p, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []verdict{succeeded, succeeded, succeeded, failing, cancelled} {
		p.ended(v)
	}
	if got, want := p.Stats().Recent, (Outcomes{Succeeded: 3, Failed: 1, SuccessPercent: 75}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
