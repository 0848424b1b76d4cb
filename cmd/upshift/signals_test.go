package main

import (
	"testing"
	"time"
)

// A key press that comes twice is one wish to stop; a later one is impatience.
func TestPresses(t *testing.T) {
	t.Parallel()
	var p presses
	at := time.Now()
	for i, c := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {0, 0}, {sameSignal - 1, 0}, {sameSignal, 2}} {
		if got := p.count(at.Add(c.after)); got != c.want {
			t.Errorf("signal %d after %v counts %d, want %d", i, c.after, got, c.want)
		}
	}
}
