package node

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lookEvery is the time between two looks at a key that is watched.
const lookEvery = 20 * time.Microsecond

// Times are when keys were removed, or seen to be gone, in nanoseconds of the clock that processes of
// a machine share, which only runs forward.
type Times struct {
	At []int64 `json:"at"`
	// Late is how much later than it meant to the watcher looked at worst, for each key.
	Late []time.Duration `json:"late"`
}

// now reads that clock.
func now() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // every Linux has it
	}
	return t.Nano()
}

func (t Times) write(file string) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// ReadTimes reads what a node has written.
func ReadTimes(file string) (Times, error) {
	var t Times
	text, err := os.ReadFile(file)
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(text, &t)
}

// watch waits for each key to go from memory, one after the other.
func (n *Node) watch(ctx context.Context, what string, keys []string, file string) error {
	times := Times{At: make([]int64, len(keys)), Late: make([]time.Duration, len(keys))}
	n.say("watching", what)
	last := now()
	for i, key := range keys {
		for {
			at := now()
			times.Late[i] = max(times.Late[i], time.Duration(at-last)-lookEvery)
			if last = at; !n.Held.Has(ctx, key) {
				times.At[i] = at
				break
			}
			if err := pause(ctx, lookEvery); err != nil {
				return err
			}
		}
	}
	defer n.say("watched", what)
	return times.write(file)
}

// remove removes the keys one after the other.
func (n *Node) remove(ctx context.Context, what string, keys []string, micros int, file string) error {
	times := Times{At: make([]int64, len(keys))}
	for i, key := range keys {
		times.At[i] = now()
		if err := n.Held.Remove(ctx, key); err != nil {
			return err
		}
		if err := pause(ctx, time.Duration(micros)*time.Microsecond); err != nil {
			return err
		}
	}
	defer n.say("removed", what)
	return times.write(file)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
