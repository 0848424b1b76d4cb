package causeload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/sentientcore/upshift/profiler"
	"github.com/sentientcore/upshift/profiler/cause"
)

// warm is how long a case runs before it is looked at.
const warm = 300 * time.Millisecond

// background runs work again and again until the case is over.
func (s *service) background(work func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				work()
			}
		}
	}()
	s.cleanup = append(s.cleanup, func() { close(stop); <-done })
}

// Run runs the case of that name, looks at it twice for some milliseconds, and writes the second report as
// a line of JSON.
func Run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("want a case and milliseconds (got %q)", args)
	}
	c, err := find(args[0])
	if err != nil {
		return err
	}
	millis, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		return err
	}
	s := &service{p: p}
	request := c.make(s)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range c.workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				request(ctx)
			}
		})
	}
	finder, err := cause.NewFinder(p, cause.Config{})
	if err != nil {
		cancel()
		return err
	}
	span := time.Duration(millis) * time.Millisecond
	time.Sleep(warm)
	_, err = finder.Look(ctx, span)
	s.later.Store(true)
	time.Sleep(warm)
	var report cause.Report
	if err == nil {
		report, err = finder.Look(ctx, span)
	}
	cancel()
	wg.Wait()
	for _, f := range s.cleanup {
		f()
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(report)
}
