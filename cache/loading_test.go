package cache

import (
	"context"
	"errors"
	"testing"
)

// One load function does for all keys, and a hit allocates nothing.
func TestLoading(t *testing.T) {
	c := newCache(t, Config{}, Options[*string]{})
	loads := 0
	get := c.Loading(EntryOptions{Tags: []string{"all"}}, func(_ context.Context, key string) (*string, error) {
		loads++
		return &key, nil
	})
	for range 3 {
		for _, key := range []string{"a", "b"} {
			if v, err := get(t.Context(), key); err != nil || *v != key {
				t.Fatalf("%s: %v, %v", key, v, err)
			}
		}
	}
	if info, ok := c.Inspect("a"); !ok || len(info.Tags) != 1 || loads != 2 {
		t.Errorf("%d loads, tags %v", loads, info.Tags)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = get(ctx, "a") }); n != 0 && !underRace {
		t.Errorf("a hit allocates %v times", n)
	}
	if _, err := c.Loading(EntryOptions{}, nil)(ctx, "c"); !errors.Is(err, ErrNilLoader) {
		t.Errorf("without a load function: %v", err)
	}
}
