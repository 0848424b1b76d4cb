package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

type question struct {
	Text string
	Top  int
}

func TestFunc(t *testing.T) {
	t.Parallel()
	g := newGroup(t, Config{})
	c := named(t, g, "answers", Options[string]{})
	calls := 0
	ask, err := Func(c, "ask", EntryOptions{TTL: time.Minute, Tags: []string{"corpus"}},
		func(_ context.Context, q question) (string, error) {
			if calls++; q.Top == 0 {
				return "", errors.New("nothing asked")
			}
			return fmt.Sprint(q.Text, q.Top), nil
		})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := ask(t.Context(), question{"a", 1}); got != "a1" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if calls != 1 {
		t.Errorf("called %d times", calls)
	}
	if got, _ := ask(t.Context(), question{"a", 2}); got != "a2" || calls != 2 {
		t.Errorf("another argument: %q after %d calls", got, calls)
	}
	for range 2 {
		if _, err := ask(t.Context(), question{}); err == nil {
			t.Error("the error is gone")
		}
	}
	if calls != 4 {
		t.Errorf("an error was cached: %d calls", calls)
	}
	info, ok := c.Inspect(`ask:{Text:"a",Top:1,}`)
	if !ok || info.Expires.Sub(info.Created) != time.Minute || len(info.Tags) != 1 {
		t.Errorf("%+v, %v", info, ok)
	}
	if n := g.ClearPattern(t.Context(), "ask:*"); n != 2 {
		t.Errorf("cleared %d", n)
	}
}

func TestFuncOfLongArgument(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{})
	length, err := Func(c, "length", EntryOptions{}, func(_ context.Context, s string) (int, error) { return len(s), nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 254, 255, 1000, 1 << 20} {
		for range 2 {
			if got, err := length(t.Context(), strings.Repeat("x", n)); got != n || err != nil {
				t.Errorf("%d: got %d, %v", n, got, err)
			}
		}
	}
	if s := c.Stats(); s.Entries != 5 || s.Hits != 5 || s.Bytes > 5*(EntryOverheadBytes+maxPlainKey+100) {
		t.Errorf("%d entries of %d bytes, %d hits", s.Entries, s.Bytes, s.Hits)
	}
}

func TestFuncRefuses(t *testing.T) {
	t.Parallel()
	c := newCache(t, Config{}, Options[int]{})
	count := func(context.Context, any) (int, error) {
		t.Error("called")
		return 0, nil
	}
	if _, err := Func(nil, "p", EntryOptions{}, count); !errors.Is(err, ErrNilFunc) {
		t.Errorf("no cache: %v", err)
	}
	if _, err := Func[int](c, "p", EntryOptions{}, nil); !errors.Is(err, ErrNilFunc) {
		t.Errorf("no function: %v", err)
	}
	if _, err := Func(c, "", EntryOptions{}, count); !errors.Is(err, ErrNoPrefix) {
		t.Errorf("no prefix: %v", err)
	}
	if _, err := Func(c, strings.Repeat("p", MaxKeyBytes), EntryOptions{}, count); !errors.Is(err, ErrKeyTooLong) {
		t.Errorf("long prefix: %v", err)
	}
	if _, err := Func(c, "p", EntryOptions{TTL: -1}, count); !errors.Is(err, ErrNegativeTTL) {
		t.Errorf("negative time to live: %v", err)
	}
	type callback struct{ Callback func() }
	_, err := Func(c, "p", EntryOptions{}, func(context.Context, callback) (int, error) { return 0, nil })
	if !errors.Is(err, ErrUnsupportedArgument) || !strings.Contains(err.Error(), "args.Callback of type func()") {
		t.Errorf("a function in the argument: %v", err)
	}
	f, err := Func(c, "p", EntryOptions{}, count)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f(t.Context(), []any{func() {}}); !errors.Is(err, ErrUnsupportedArgument) || !strings.Contains(err.Error(), "args[0]") {
		t.Errorf("a function in an interface: %v", err)
	}
}
