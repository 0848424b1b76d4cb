package contest_test

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/sentientcore/upshift/bench/contest"
	"github.com/sentientcore/upshift/bench/trace"
)

// No contender has more than the optimum, and each finds what fits.
func TestContendersPlayFair(t *testing.T) {
	t.Parallel()
	tr := trace.Zipf(1, 2000, 30_000, 1)
	names := make([]string, tr.Distinct)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	item := func(uint32) contest.Item { return contest.Item{Bytes: 1000, Price: 1} }
	best := trace.Optimum(tr, 200)
	for _, bytes := range []bool{false, true} {
		for _, k := range contest.Contenders(bytes) {
			maximum := int64(200)
			if bytes {
				maximum *= 1000
			}
			c, err := k.Make(maximum, bytes)
			if err != nil {
				t.Fatal(err)
			}
			p, err := contest.Play(t.Context(), c, tr.Keys, names, item)
			c.Close()
			if err != nil || p.Hits > best || p.Hits < best/2 || p.Saved != float64(p.Hits) {
				t.Errorf("%s, bytes %v: %+v of %d, %v", k.Name, bytes, p, best, err)
			}
		}
	}
}

func TestPlayEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := contest.Contenders(false)[0].Make(10, false)
	if err != nil {
		t.Fatal(err)
	}
	item := func(uint32) contest.Item { return contest.Item{Bytes: 1} }
	if _, err := contest.Play(ctx, c, []uint32{0}, []string{"0"}, item); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Each call loads once and has the value afterwards.
func TestCalls(t *testing.T) {
	t.Parallel()
	loads := 0
	calls, err := contest.Calls(t.Context(), 1000, func(_ context.Context, key string) (int, error) {
		loads++
		return len(key), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		for range 3 {
			if v, err := c.Get(t.Context(), "four"); v != 4 || err != nil {
				t.Errorf("%s: %d, %v", c.Name, v, err)
			}
		}
		c.Close()
	}
	if loads != len(calls) {
		t.Errorf("%d loads by %d calls", loads, len(calls))
	}
}
