package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestGateLetsInByPriorityThenArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		g.set(1, 10, time.Minute)
		if err := g.enter(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		var order []string
		for i, priority := range []int{-1, 0, 1, 0, 1} {
			go func() {
				if err := g.enter(t.Context(), priority); err != nil {
					t.Error(err)
				}
				order = append(order, fmt.Sprint(i)) // one at a time is inside
				g.leave()
			}()
			synctest.Wait()
		}
		g.leave()
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[2 4 1 3 0]" {
			t.Errorf("let in %s", got)
		}
		if inside, waiting := g.state(); inside != 0 || waiting != 0 {
			t.Errorf("left %d inside, %d waiting", inside, waiting)
		}
	})
}

func TestGateRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		g.set(1, 2, time.Second)
		if err := g.enter(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		results := make([]error, 4)
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		line := func(i int, ctx context.Context, priority int) {
			wg.Go(func() { results[i] = g.enter(ctx, priority) })
			synctest.Wait()
		}
		line(0, leaving, 0)
		line(1, t.Context(), 0)
		if err := g.enter(t.Context(), 0); !errors.Is(err, errQueueFull) {
			t.Errorf("a third waits: %v", err)
		}
		line(2, t.Context(), 1) // takes the place of the last
		if !errors.Is(results[1], errDisplaced) {
			t.Errorf("the last of the lowest: %v", results[1])
		}
		leave()
		synctest.Wait()
		if !errors.Is(results[0], context.Canceled) {
			t.Errorf("the one who left: %v", results[0])
		}
		line(3, t.Context(), -1)
		began := time.Now()
		wg.Wait()
		if !errors.Is(results[2], errQueueTimeout) || !errors.Is(results[3], errQueueTimeout) || time.Since(began) != time.Second {
			t.Errorf("who waited: %v, %v, after %v", results[2], results[3], time.Since(began))
		}
		g.leave()
		if inside, waiting := g.state(); inside != 0 || waiting != 0 {
			t.Errorf("left %d inside, %d waiting", inside, waiting)
		}
	})
}

func TestGateThatIsWidened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		g.set(1, 10, time.Minute)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := g.enter(t.Context(), 0); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		g.set(3, 10, time.Minute)
		if inside, waiting := g.state(); inside != 3 || waiting != 2 {
			t.Errorf("%d inside, %d waiting; want 3, 2", inside, waiting)
		}
		g.set(0, 10, time.Minute)
		wg.Wait()
		if inside, _ := g.state(); inside != 5 {
			t.Errorf("%d inside, want all", inside)
		}
	})
}

// Whatever happens, there are never more inside than the bound, and nobody is lost.
func TestGateKeepsItsBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit, room := rapid.IntRange(1, 4).Draw(t, "limit"), rapid.IntRange(0, 4).Draw(t, "room")
		g := &gate{}
		g.set(limit, room, time.Hour)
		var wg sync.WaitGroup
		var mu sync.Mutex
		inside, most := 0, 0
		for _, priority := range rapid.SliceOfN(rapid.IntRange(-1, 1), 1, 30).Draw(t, "priorities") {
			ctx, cancel := context.WithCancel(context.Background())
			wg.Go(func() {
				defer cancel()
				if g.enter(ctx, priority) != nil {
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				mu.Lock()
				inside--
				mu.Unlock()
				g.leave()
			})
			if rapid.Bool().Draw(t, "leaves") {
				cancel()
			}
		}
		wg.Wait()
		if left, waiting := g.state(); most > limit || left != 0 || waiting != 0 {
			t.Fatalf("%d were inside of %d; left %d, waiting %d", most, limit, left, waiting)
		}
	})
}
