package causeload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

// Case is a service with what is planted in it.
type Case struct {
	Name string
	// Function and Kind are what is to be found; empty where nothing is.
	Function, Kind string
	workers        int
	// make returns the work of one request.
	make func(s *service) func(ctx context.Context)
}

// service is what cases are made of.
type service struct {
	p *profiler.Profiler
	// later tells that the first look is over.
	later   atomic.Bool
	cleanup []func()
}

// step is a profiled function of a case.
func (s *service) step(name string, work func(ctx context.Context)) func(ctx context.Context) {
	wrapped := profiler.Wrap(s.p, name, func(ctx context.Context, _ struct{}) (struct{}, error) {
		work(ctx)
		return struct{}{}, nil
	})
	return func(ctx context.Context) { _, _ = wrapped(ctx, struct{}{}) } // fails never
}

// Cases are all of them.
func Cases() []Case {
	return slices.Concat(computing(), waiting(), queueing(), starving(), patterns(), clean())
}

// computing are those that compute too much.
func computing() []Case {
	return []Case{
		{"a stage that computes, eight workers", "rerank", profiler.CauseCPU, 8, func(s *service) func(context.Context) {
			retrieve := s.step("retrieve", func(context.Context) { time.Sleep(300 * time.Microsecond) })
			rerank := s.step("rerank", func(context.Context) { burn(3 * time.Millisecond) })
			return func(ctx context.Context) { retrieve(ctx); rerank(ctx) }
		}},
		{"one long computation", "embed", profiler.CauseCPU, 1, func(s *service) func(context.Context) {
			load := s.step("load", func(context.Context) { time.Sleep(3 * time.Millisecond) })
			embed := s.step("embed", func(context.Context) { burn(20 * time.Millisecond) })
			return func(ctx context.Context) { load(ctx); embed(ctx) }
		}},
	}
}

// waiting are those that wait for a lock, or for what is outside.
func waiting() []Case {
	return []Case{
		{"a lock held while waiting", "store", profiler.CauseLock, 8, func(s *service) func(context.Context) {
			var mu sync.Mutex
			parse := s.step("parse", func(context.Context) { burn(100 * time.Microsecond) })
			store := s.step("store", func(context.Context) { mu.Lock(); defer mu.Unlock(); time.Sleep(time.Millisecond) })
			return func(ctx context.Context) { parse(ctx); store(ctx); time.Sleep(time.Millisecond) }
		}},
		{"readers behind a writer", "catalog", profiler.CauseLock, 6, func(s *service) func(context.Context) {
			var mu sync.RWMutex
			s.background(func() { mu.Lock(); time.Sleep(5 * time.Millisecond); mu.Unlock(); time.Sleep(2 * time.Millisecond) })
			catalog := s.step("catalog", func(context.Context) { mu.RLock(); defer mu.RUnlock(); burn(50 * time.Microsecond) })
			return func(ctx context.Context) { catalog(ctx); time.Sleep(2 * time.Millisecond) }
		}},
		{"a backend that answers late", "search", profiler.CauseIO, 4, func(s *service) func(context.Context) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(30 * time.Millisecond)
				_, _ = w.Write([]byte("found")) // a client that is gone needs no answer
			}))
			s.cleanup = append(s.cleanup, server.Close)
			search := s.step("search", func(ctx context.Context) { ask(ctx, server) })
			format := s.step("format", func(context.Context) { burn(200 * time.Microsecond) })
			return func(ctx context.Context) { search(ctx); format(ctx) }
		}},
		{"a slow disk", "archive", profiler.CauseIO, 2, func(s *service) func(context.Context) {
			archive := s.step("archive", func(context.Context) { time.Sleep(25 * time.Millisecond) })
			check := s.step("check", func(context.Context) { burn(300 * time.Microsecond) })
			return func(ctx context.Context) { check(ctx); archive(ctx) }
		}},
	}
}

// queueing are those that wait for each other.
func queueing() []Case {
	return []Case{
		{"too few slots", "generate", profiler.CauseQueue, 16, func(s *service) func(context.Context) {
			slots := make(chan struct{}, 2)
			generate := s.step("generate", func(context.Context) {
				slots <- struct{}{}
				defer func() { <-slots }()
				time.Sleep(5 * time.Millisecond)
			})
			return func(ctx context.Context) { generate(ctx); time.Sleep(time.Millisecond) }
		}},
		{"a consumer that is too slow", "publish", profiler.CauseQueue, 4, func(s *service) func(context.Context) {
			events := make(chan int, 10)
			s.background(func() { <-events; time.Sleep(2 * time.Millisecond) })
			publish := s.step("publish", func(ctx context.Context) {
				select {
				case events <- 1:
				case <-ctx.Done():
				}
			})
			build := s.step("build", func(context.Context) { time.Sleep(500 * time.Microsecond) })
			return func(ctx context.Context) { build(ctx); publish(ctx) }
		}},
	}
}

// starving are those that are short of processors or of memory.
func starving() []Case {
	return []Case{
		{"processors taken by others", "answer", profiler.CauseScheduler, 4, func(s *service) func(context.Context) {
			for range 12 {
				s.background(func() { burn(10 * time.Millisecond) })
			}
			answer := s.step("answer", func(context.Context) { burn(500 * time.Microsecond) })
			return func(ctx context.Context) { answer(ctx); time.Sleep(5 * time.Millisecond) }
		}},
		{"much garbage", "decode", profiler.CauseGC, 4, func(s *service) func(context.Context) {
			before := debug.SetGCPercent(10)
			live := tree(16)
			s.cleanup = append(s.cleanup, func() { debug.SetGCPercent(before); runtime.KeepAlive(live) })
			decode := s.step("decode", func(context.Context) { kept.Store(tree(12)) })
			return func(ctx context.Context) { decode(ctx); time.Sleep(time.Millisecond) }
		}},
	}
}

// patterns are those that are slow by how often, when or since when.
func patterns() []Case {
	return []Case{
		{"a query for each row", "list", profiler.CauseNPlusOne, 4, func(s *service) func(context.Context) {
			fetch := s.step("fetch", func(context.Context) { time.Sleep(time.Millisecond) })
			list := s.step("list", func(ctx context.Context) {
				for range 20 {
					fetch(ctx)
				}
			})
			return list
		}},
		{"a few calls that hang", "chat", profiler.CauseTail, 8, func(s *service) func(context.Context) {
			chat := s.step("chat", func(context.Context) {
				if rand.IntN(40) == 0 {
					time.Sleep(150 * time.Millisecond)
					return
				}
				time.Sleep(2 * time.Millisecond)
			})
			return chat
		}},
		{"slower than before", "plan", profiler.CauseRegression, 4, func(s *service) func(context.Context) {
			plan := s.step("plan", func(context.Context) {
				if s.later.Load() {
					time.Sleep(6 * time.Millisecond)
				}
				time.Sleep(4 * time.Millisecond)
			})
			return plan
		}},
	}
}

// clean are those that have nothing planted.
func clean() []Case {
	return []Case{
		{"nothing: a healthy service", "", "", 4, func(s *service) func(context.Context) {
			var mu sync.Mutex
			slots := make(chan struct{}, 8)
			retrieve := s.step("retrieve", func(context.Context) { time.Sleep(2 * time.Millisecond) })
			rank := s.step("rank", func(context.Context) { mu.Lock(); burn(50 * time.Microsecond); mu.Unlock() })
			render := s.step("render", func(context.Context) { kept.Store(tree(6)) })
			return s.step("handle", func(ctx context.Context) {
				slots <- struct{}{}
				defer func() { <-slots }()
				retrieve(ctx)
				rank(ctx)
				render(ctx)
				time.Sleep(time.Millisecond)
			})
		}},
		{"nothing: durations that vary", "", "", 6, func(s *service) func(context.Context) {
			wait := func(mean time.Duration) func(context.Context) {
				return func(context.Context) { time.Sleep(time.Duration(rand.ExpFloat64() * float64(mean))) }
			}
			model, tool, memory := s.step("model", wait(5*time.Millisecond)), s.step("tool", wait(4*time.Millisecond)), s.step("memory", wait(3*time.Millisecond))
			return func(ctx context.Context) { model(ctx); tool(ctx); memory(ctx); burn(100 * time.Microsecond) }
		}},
	}
}

// find looks a case up.
func find(name string) (Case, error) {
	for _, c := range Cases() {
		if c.Name == name {
			return c, nil
		}
	}
	return Case{}, fmt.Errorf("there is no case %q", name)
}

// node is a tree of pointers, which the collector has to follow.
type node struct{ left, right *node }

var kept atomic.Pointer[node]

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

var burnt atomic.Uint64

// burn keeps a processor busy: about d of it, however long that takes on a busy machine.
func burn(d time.Duration) {
	x := uint64(1)
	for range int(d/time.Microsecond) * roundsPerMicrosecond {
		x = x*6364136223846793005 + 1
	}
	burnt.Store(x)
}

// roundsPerMicrosecond is roughly so on machines of the time.
const roundsPerMicrosecond = 700

func ask(ctx context.Context, server *httptest.Server) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		return
	}
	if response, err := server.Client().Do(request); err == nil {
		_ = response.Body.Close() // nothing was written
	}
}
