// Package diskload is a process that uses a cache over a disk tier, to be killed and started again.
package diskload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentientcore/upshift/cache"
	"github.com/sentientcore/upshift/cache/diskcache"
)

const (
	valueBytes = 300
	workers    = 4
	// freshPart of the lookups, one in so many, are of keys that nobody has stored.
	freshPart = 10
	// queued is how many stores may wait for the disk while the directory is filled; the cache drops
	// some beyond 4,096.
	queued = 2000
)

// load is a running process.
type load struct {
	cache   *cache.Cache[string]
	group   *cache.Group
	disk    *diskcache.Tier
	entries int
	out     io.Writer
}

// Run opens a directory, says "open SECONDS", fills it when it is empty and then says "filled", and
// loads keys, saying "hits PERCENT" each second of what was found; until in ends. args are the number
// of entries and the directory.
func Run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("usage: role diskload ENTRIES DIR")
	}
	entries, err := strconv.Atoi(args[0])
	if err != nil || entries < 1 {
		return fmt.Errorf("diskload: %q is no number of entries", args[0])
	}
	l, err := newLoad(entries, args[1], out)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // the parent has gone, however it went
		cancel()
	}()
	done := make(chan error, 1)
	go func() { done <- l.group.Run(ctx) }()
	err = l.run(ctx)
	cancel()
	return errors.Join(err, <-done)
}

func newLoad(entries int, dir string, out io.Writer) (*load, error) {
	disk, err := diskcache.New(diskcache.Config{Dir: dir, MaxBytes: 1 << 30, MaxEntries: 2 << 20}, nil)
	if err != nil {
		return nil, err
	}
	group, err := cache.NewShared(cache.Config{}, disk)
	if err != nil {
		return nil, err
	}
	c, err := cache.Named(group, "answers", cache.Options[string]{
		Codec: cache.JSON[string]{Version: "1"}, Limits: cache.Limits{TTL: time.Hour, MaxEntries: max(entries/100, 1)},
	})
	return &load{cache: c, group: group, disk: disk, entries: entries, out: out}, err
}

func (l *load) run(ctx context.Context) error {
	for !l.group.Stats().Disk.Open {
		if !pause(ctx) {
			return nil
		}
	}
	s := l.disk.DiskStats()
	if _, err := fmt.Fprintf(l.out, "open %.3f\n", s.OpenSeconds); err != nil {
		return err
	}
	if s.Entries == 0 {
		if err := l.fill(ctx); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(l.out, "filled"); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		percent, err := l.second(ctx)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(l.out, "hits %.2f\n", percent); err != nil {
			return err
		}
	}
	return nil
}

// fill loads every key once, no faster than the disk takes them.
func (l *load) fill(ctx context.Context) error {
	for i := range l.entries {
		if _, err := l.get(ctx, strconv.Itoa(i)); err != nil {
			return err
		}
		for i%100 == 0 && l.group.Stats().Disk.Queued > queued {
			if !pause(ctx) {
				return nil
			}
		}
	}
	return nil
}

// get loads a key and reports whether it was there.
func (l *load) get(ctx context.Context, key string) (found bool, err error) {
	found = true
	_, err = l.cache.GetOrLoad(ctx, key, func(context.Context) (string, error) {
		found = false
		return strings.Repeat("x", valueBytes), nil
	})
	return found, err
}

// second loads keys for a second and returns how many percent of them were there.
func (l *load) second(ctx context.Context) (percent float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var asked, found atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				key := strconv.Itoa(rand.IntN(l.entries))
				if rand.IntN(freshPart) == 0 {
					key = "fresh/" + strconv.FormatUint(rand.Uint64(), 36)
				}
				there, err := l.get(ctx, key)
				if err != nil {
					if ctx.Err() == nil {
						failed.Store(&err)
					}
					return
				}
				asked.Add(1)
				if there {
					found.Add(1)
				}
			}
		})
	}
	all.Wait()
	if failed.Load() != nil {
		return 0, *failed.Load()
	}
	return 100 * float64(found.Load()) / float64(max(asked.Load(), 1)), nil
}

// pause waits a millisecond, and reports false when ctx ended.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
