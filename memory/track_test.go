package memory

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

type session struct {
	id    int
	inner *session
}

// eventually collects garbage until what is asked for holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
		runtime.GC()
		runtime.Gosched()
	}
}

func TestTrackerFollowsWithoutKeeping(t *testing.T) {
	t.Parallel()
	tracker := NewTracker[session](TrackerOptions{Name: "sessions"})
	kept := &session{id: 1}
	tracker.Track(kept)
	for i := range 100 {
		tracker.Track(&session{id: 2 + i, inner: &session{}})
	}
	if tracker.Track(nil) {
		t.Error("followed nil")
	}
	eventually(t, "collection of 100 objects", func() bool { return tracker.Stats().Collected == 100 })
	s := tracker.Stats()
	if s.Name != "sessions" || s.Seen != 101 || s.Followed != 101 || s.Alive != 1 || s.AliveEstimate != 1 {
		t.Errorf("stats %+v", s)
	}
	if len(tracker.alive) != 1 {
		t.Errorf("%d entries kept for one object", len(tracker.alive))
	}
	for object, age := range tracker.Oldest() {
		if object != kept || age < 0 {
			t.Errorf("oldest is %+v of %v", object, age)
		}
	}
	runtime.KeepAlive(kept)
}

func TestTrackerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracker := NewTracker[session](TrackerOptions{Max: 15, PerSecond: 10})
		kept := make([]session, 100)
		for i := range 40 {
			tracker.Track(&kept[i])
		}
		if s := tracker.Stats(); s.Seen != 40 || s.Followed != 10 || s.Alive != 10 || s.AliveEstimate != 40 {
			t.Errorf("in the first second %+v", s)
		}
		time.Sleep(time.Second)
		for i := 40; i < 80; i++ {
			tracker.Track(&kept[i])
		}
		time.Sleep(9 * time.Second)
		s := tracker.Stats()
		if s.Seen != 80 || s.Alive != 15 || s.OldestSeconds != 10 {
			t.Errorf("after ten seconds %+v", s)
		}
		first := true
		for object, age := range tracker.Oldest() {
			if first && (object.id != kept[0].id || age != 10*time.Second) {
				t.Errorf("the oldest first: got age %v", age)
			}
			first = false
			if age == 9*time.Second {
				break
			}
		}
		runtime.KeepAlive(kept)
	})
}

func TestMonitorShowsTrackers(t *testing.T) {
	t.Parallel()
	m := newMonitor(t, Config{})
	tracker := NewTracker[session](TrackerOptions{Name: "sessions"})
	kept := []*session{{id: 1}, {id: 2}}
	for _, s := range kept {
		tracker.Track(s)
	}
	if s := m.Stats(); s.Trackers == nil || s.TrackedObjects != 0 {
		t.Errorf("without trackers %+v", s.Trackers)
	}
	if m.AddTracker(nil) || !m.AddTracker(tracker.Stats) {
		t.Error("AddTracker")
	}
	s := m.Stats()
	runtime.KeepAlive(kept)
	if s.TrackedObjects != 2 || len(s.Trackers) != 1 || s.Trackers[0].Name != "sessions" {
		t.Errorf("trackers %+v, %d objects", s.Trackers, s.TrackedObjects)
	}
	for range 2 * maxTrackers {
		m.AddTracker(tracker.Stats)
	}
	if n := len(m.Stats().Trackers); n != maxTrackers {
		t.Errorf("%d trackers shown", n)
	}
}

func BenchmarkTrack(b *testing.B) {
	tracker := NewTracker[session](TrackerOptions{Max: 1 << 30, PerSecond: 1 << 30})
	b.ReportAllocs()
	for b.Loop() {
		tracker.Track(new(session))
	}
}
