package capture

import (
	"strings"
	"testing"
	"time"
)

func names(causes []cause) string {
	list := []string{}
	for _, c := range causes {
		list = append(list, c.name)
	}
	return strings.Join(list, " ")
}

func TestSurges(t *testing.T) {
	t.Parallel()
	cfg := Config{}.WithDefaults()
	calm := reading{cpu: 0.2, heap: 100 << 20, goroutines: 2000, p99: 10 * time.Millisecond}
	tests := []struct {
		name   string
		change func(*reading)
		want   string
	}{
		{"calm", func(*reading) {}, ""},
		{"a little more", func(r *reading) { r.heap *= 1.4; r.goroutines *= 1.4; r.cpu = 0.7 }, ""},
		{"slow", func(r *reading) { r.p99, r.slowest = 2*time.Second, "GET /chat" }, "p99"},
		{"busy", func(r *reading) { r.cpu = 0.9 }, "cpu"},
		{"heap", func(r *reading) { r.heap *= 1.6 }, "heap"},
		{"goroutines", func(r *reading) { r.goroutines *= 2 }, "goroutines"},
		{"all", func(r *reading) { *r = reading{1, 1 << 30, 9e4, "x", time.Minute, 0} }, "p99 cpu heap goroutines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWatch(Signals{})
			for range 3 * surgeReadings {
				if got := names(w.judge(cfg, calm)); got != "" {
					t.Fatalf("calm: %s", got)
				}
			}
			now := calm
			tt.change(&now)
			found := w.judge(cfg, now)
			if got := names(found); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, c := range found {
				if c.evidence == "" || len(c.kinds) == 0 {
					t.Errorf("%+v", c)
				}
			}
		})
	}
	w := newWatch(Signals{})
	for i := range 3 * surgeReadings { // a small process that grows is none
		if got := names(w.judge(cfg, reading{heap: float64(i << 20), goroutines: float64(10 * i)})); got != "" {
			t.Errorf("small: %s", got)
		}
	}
}

func TestAutomaticCaptures(t *testing.T) {
	t.Parallel()
	slow, used := time.Minute, 0.5
	r, err := Open(t.TempDir(), Config{CPU: 1}, Signals{
		Slowest:    func() (string, time.Duration) { return "GET /chat", slow },
		MemoryUsed: func() float64 { return used },
	})
	must(t, err)
	defer func() { must(t, r.Close()) }()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.look(at)
	list := r.Captures()
	if len(list) != 3 {
		t.Fatalf("captures %+v", list)
	}
	for _, c := range list {
		if !c.Automatic || !strings.Contains(c.Reason, "p99 of GET /chat is 1m0s") {
			t.Errorf("%+v", c)
		}
	}
	r.look(at.Add(5 * time.Second))
	if s := r.Stats(); s.Automatic != 3 || s.RateLimited == 0 || len(r.Captures()) != 3 {
		t.Errorf("five seconds later %+v", s)
	}
	used = 0.97
	r.look(at.Add(time.Hour))
	if s := r.Stats(); s.Suppressed == 0 || s.Automatic != 3 {
		t.Errorf("near death %+v", s)
	}
	used = 0.5
	must(t, r.Apply(Config{Manual: true}))
	r.look(at.Add(2 * time.Hour))
	if s := r.Stats(); s.Automatic != 3 {
		t.Errorf("by hand %+v", s)
	}
}

// What the readings are read from is there.
func TestReading(t *testing.T) {
	t.Parallel()
	w := newWatch(Signals{})
	w.read(time.Now().Add(-time.Second))
	if r := w.read(time.Now()); r.heap <= 0 || r.goroutines < 1 || r.cpu < 0 || w.cpuTime <= 0 {
		t.Errorf("%+v, CPU time %v", r, w.cpuTime)
	}
}
