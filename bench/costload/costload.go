package costload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/capture"
)

const goroutines = 4

// Figure is one figure of one function in one round.
type Figure struct {
	Function string            `json:"function"`
	What     string            `json:"what"`
	Estimate profiler.Estimate `json:"estimate"`
	Truth    float64           `json:"truth"`
	// Around is what reading the process before and after one call in 64 says.
	Around float64 `json:"around"`
}

// Run lives for some rounds of some seconds and writes a line of JSON, the Figures of all.
func Run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("want rounds and seconds (got %q)", args)
	}
	rounds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	seconds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		return err
	}
	all := jobs()
	for _, j := range all {
		j.called = j.wrap(p, &j.truth)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	naive := make([]around, len(all))
	for range goroutines {
		wg.Go(func() { live(ctx, all, naive) })
	}
	var figures []Figure
	for range rounds {
		before := readAll(all)
		if err := capture.NewAttributor(p, nil).Measure(ctx, time.Duration(seconds)*time.Second); err != nil {
			return err
		}
		for i, j := range all {
			s, _ := p.Function(j.name)
			now := j.truth.now()
			calls := now.calls - before[i].calls
			cpu, alloc := naive[i].perCall()
			figures = append(figures,
				Figure{j.name, "cpu", s.Cost.CPU, (now.nanos - before[i].nanos) / calls / 1e9, cpu},
				Figure{j.name, "bytes", s.Cost.Alloc, (now.bytes - before[i].bytes) / calls, alloc})
		}
	}
	cancel()
	wg.Wait()
	return json.NewEncoder(out).Encode(figures)
}

func readAll(all []*job) []plain {
	list := make([]plain, len(all))
	for i, j := range all {
		list[i] = j.truth.now()
	}
	return list
}

// live calls jobs, each as often as it says, until ctx ends.
func live(ctx context.Context, all []*job, naive []around) {
	var deck []int
	for i, j := range all {
		for range j.often {
			deck = append(deck, i)
		}
	}
	for ctx.Err() == nil {
		i := deck[rand.IntN(len(deck))]
		if rand.IntN(64) == 0 {
			naive[i].call(func() { _, _ = all[i].called(ctx, 0) }) // fails never
			continue
		}
		_, _ = all[i].called(ctx, 0) // fails never
	}
}

// around is the way of reading the whole process before and after a call.
type around struct {
	mu                sync.Mutex
	cpu, bytes, calls float64
}

func (a *around) call(f func()) {
	cpu, bytes := processNow()
	f()
	cpuAfter, bytesAfter := processNow()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cpu, a.bytes, a.calls = a.cpu+cpuAfter-cpu, a.bytes+bytesAfter-bytes, a.calls+1
}

func (a *around) perCall() (cpu, bytes float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calls == 0 {
		return 0, 0
	}
	return a.cpu / a.calls, a.bytes / a.calls
}

// processNow is the processor time, in seconds, and the bytes allocated by the whole process.
func processNow() (cpu, bytes float64) {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts) != nil {
		return 0, 0
	}
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return float64(ts.Nano()) / 1e9, float64(sample[0].Value.Uint64())
}
