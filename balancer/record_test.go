package balancer

import (
	"math"
	"testing"
	"time"
)

func TestRecords(t *testing.T) {
	t.Parallel()
	p := poolOf(t, RoundRobin, 2)
	j := p.newJob(classOfWork(1000), nil)
	j.now = int64(time.Second)
	first, err := p.acquire(j, nil)
	if err != nil {
		t.Fatal(err)
	}
	j.rnd++
	second, err := p.acquire(j, []*Server{first.server})
	if err != nil {
		t.Fatal(err)
	}
	j.rnd++
	third, err := p.acquire(j, []*Server{first.server}) // on the second's server
	if err != nil {
		t.Fatal(err)
	}
	p.end(third, j.now+5e6, outcome{cancelled, -1})
	p.end(first, j.now+2e6, outcome{failing, 2e6})
	p.end(second, j.now+3e6, outcome{succeeded, 3e6})
	p.end(second, j.now+9e6, outcome{succeeded, 9e6}) // a second end is none
	got := p.Records()
	if len(got) != 3 {
		t.Fatalf("got %d records, want 3: %+v", len(got), got)
	}
	count := map[string]int{}
	for _, r := range got {
		if !r.Began.Equal(p.epoch.Add(time.Second)) || math.Abs(math.Log2(r.Size/1000)) > 0.13 || r.Stream {
			t.Errorf("got %+v", r)
		}
		switch {
		case r.OK:
			count["ok"]++
			if r.Took != 3*time.Millisecond || !r.Again || r.InFlight != 0 {
				t.Errorf("got %+v", r)
			}
		case r.Cancelled:
			count["cancelled"]++
			if r.Took >= 0 || r.InFlight != 1 {
				t.Errorf("got %+v", r)
			}
		default:
			count["failed"]++
			if r.Took != 2*time.Millisecond || r.Again {
				t.Errorf("got %+v", r)
			}
		}
	}
	if len(count) != 3 {
		t.Errorf("got %v", count)
	}
}

// Old records make room: there are never more than the bound, and those are the newest.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	p := poolOf(t, LeastConnections, 3)
	const calls = recorderShards*recordsPerShard + 20_000
	for i := range int64(calls) {
		j := job{now: i * 1000, rnd: splitmix(uint64(i))}
		l, err := p.acquire(j, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.end(l, j.now+500, outcome{succeeded, 500})
	}
	got := p.Records()
	if len(got) != recorderShards*recordsPerShard {
		t.Fatalf("got %d records, want %d", len(got), recorderShards*recordsPerShard)
	}
	for i := range got[1:] {
		if got[i+1].Began.Before(got[i].Began) {
			t.Fatalf("record %d began before the one in front of it", i+1)
		}
	}
	if last := got[len(got)-1].Began; !last.Equal(p.epoch.Add((calls - 1) * 1000)) {
		t.Errorf("the newest record began at %v", last)
	}
}

func TestClassSize(t *testing.T) {
	t.Parallel()
	for _, units := range []float64{0.01, 1, 17, 123456} {
		if got, stream := classOfWork(units).size(); math.Abs(math.Log2(got/units)) > 0.13 || stream {
			t.Errorf("size of work %v: %v, stream %v", units, got, stream)
		}
	}
	for class, want := range map[sizeClass]float64{classEmpty: 0, classUnknown: 0, classLength + 20: 1217} {
		got, stream := (class + classStreams).size()
		if math.Abs(got-want) > 1 || !stream {
			t.Errorf("size of class %d: %v, stream %v, want %v", class, got, stream, want)
		}
	}
}

// BenchmarkRecord is what recording adds to a call.
func BenchmarkRecord(b *testing.B) {
	p := poolOf(b, RoundRobin, 1)
	l := &lease{server: p.view.Load().servers[0]}
	b.ReportAllocs()
	for b.Loop() {
		l.job.rnd++
		p.recorder.add(l, outcome{succeeded, 1e6})
	}
}
