package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// streamTimeout bounds one stream.
const streamTimeout = time.Minute

// StreamPlan says which event streams to read: Readers of them at a time, Each one after
// the other on a connection, of Tokens events.
type StreamPlan struct {
	Path    string
	Readers int
	Each    int
	Tokens  int
	// Apart is the time between the first stream of one reader and of the next.
	Apart time.Duration
}

// StreamOutcome is what the readers of event streams saw.
type StreamOutcome struct {
	// FirstByte is the time from the request to the first byte of the body, of each stream.
	FirstByte Sample
	// Delays is, for each event after the first, how long after the backend wrote it the
	// reader had it.
	Delays Sample
}

// Streams reads event streams as planned. Each event is a line "data: N", where N is the
// time of writing in Unix nanoseconds on this machine's clock. A stream that ends early
// is an error.
func Streams(ctx context.Context, target Target, plan StreamPlan) (StreamOutcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req := request(target.Addr, plan.Path)
	outcomes := make([]StreamOutcome, plan.Readers)
	errs := make([]error, plan.Readers)
	var readers sync.WaitGroup
	for n := range plan.Readers {
		readers.Go(func() {
			c := conn{addr: target.Addr}
			defer c.close()
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(n) * plan.Apart):
			}
			for range plan.Each {
				if errs[n] = c.stream(ctx, req, plan.Tokens, &outcomes[n]); errs[n] != nil {
					cancel()
					return
				}
			}
		})
	}
	readers.Wait()
	var all StreamOutcome
	for _, o := range outcomes {
		all.FirstByte = append(all.FirstByte, o.FirstByte...)
		all.Delays = append(all.Delays, o.Delays...)
	}
	if err := errors.Join(errs...); err != nil {
		return all, fmt.Errorf("stream from %s: %w", target.Name, err)
	}
	return all, nil
}

// stream reads one stream of the given number of events to its end.
func (c *conn) stream(ctx context.Context, req []byte, tokens int, o *StreamOutcome) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	begun := time.Now()
	resp, err := c.send(ctx, req, streamTimeout)
	if err != nil {
		c.close()
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.close()
		return fmt.Errorf("status %s", resp.Status)
	}
	seen, err := events(ctx, resp.Body, func(n int, written int64) {
		if n == 0 {
			o.FirstByte = append(o.FirstByte, time.Since(begun))
			return
		}
		o.Delays = append(o.Delays, time.Duration(time.Now().UnixNano()-written))
	})
	if err == nil && seen != tokens {
		err = fmt.Errorf("the stream ended after %d of %d events", seen, tokens)
	}
	if err != nil || resp.Close {
		c.close()
	}
	return err
}

// Events reads an event stream to its end and counts its events. A stream that breaks is
// an error.
func Events(ctx context.Context, body io.Reader) (int, error) {
	return events(ctx, body, func(int, int64) {})
}

func events(ctx context.Context, body io.Reader, each func(n int, written int64)) (seen int, err error) {
	lines := bufio.NewScanner(body)
	for ctx.Err() == nil && lines.Scan() {
		stamp, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		written, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return seen, fmt.Errorf("read an event: %w", err)
		}
		each(seen, written)
		seen++
	}
	return seen, errors.Join(ctx.Err(), lines.Err())
}
