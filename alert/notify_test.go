package alert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// receiver is a transport that answers by a script and notes what came when.
type receiver struct {
	mu     sync.Mutex // guards the fields below
	script []int      // status codes, 0 for no connection; the last one repeats
	header http.Header
	began  time.Time
	keys   []string
	times  []time.Duration
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, req.Header.Get("Idempotency-Key"))
	r.times = append(r.times, time.Since(r.began))
	code := r.script[0]
	if len(r.script) > 1 {
		r.script = r.script[1:]
	}
	switch code {
	case 0:
		return nil, errors.New("connection refused")
	case -1: // hangs
		r.mu.Unlock()
		<-req.Context().Done()
		r.mu.Lock()
		return nil, req.Context().Err()
	}
	return &http.Response{
		StatusCode: code, Status: fmt.Sprint(code, " ", http.StatusText(code)), Header: r.header,
		Body: io.NopCloser(strings.NewReader("")), Request: req,
	}, nil
}

func (r *receiver) seen() ([]string, []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.keys...), append([]time.Duration{}, r.times...)
}

// notifying starts a notifier over a scripted receiver inside a bubble. It ends with stop.
func notifying(t *testing.T, script ...int) (n *notifier, r *receiver, stop func()) {
	t.Helper()
	n = newNotifier(slog.New(slog.DiscardHandler))
	r = &receiver{script: script, began: time.Now(), header: http.Header{}}
	if err := n.apply(Config{WebhookURL: "https://hook.example/s3cret"}); err != nil {
		t.Fatal(err)
	}
	n.hook.client.Transport = r
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.run(ctx)
	}()
	return n, r, func() { cancel(); <-done }
}

func firing(i int) Transition {
	return Transition{Alert: Alert{ID: fmt.Sprint("load-", i), Status: StatusFiring, Rule: "load"}}
}

// about reports whether each time is within a fifth of what is wanted, which is the spread.
func about(got, want []time.Duration) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range want {
		if got[i] < want[i]*8/10 || got[i] > want[i]*12/10 {
			return false
		}
	}
	return true
}

func TestRetriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, stop := notifying(t, 0, 503, 429, 408, 200)
		n.enqueue(firing(1))
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		keys, times := r.seen()
		if diff := cmp.Diff([]string{"load-1-firing", "load-1-firing", "load-1-firing", "load-1-firing", "load-1-firing"}, keys); diff != "" {
			t.Errorf("idempotency keys: %s", diff)
		}
		if want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}; !about(times, want) {
			t.Errorf("tries at %v, want about %v", times, want)
		}
		st := n.snapshot()
		if st.Sent != 1 || st.Retries != 4 || st.LastError != "" || st.InFlight || st.Queued != 0 || st.LastSent.IsZero() {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, stop := notifying(t, 429, 200)
		r.header.Set("Retry-After", "30")
		n.enqueue(firing(1))
		time.Sleep(time.Minute)
		stop()
		if _, times := r.seen(); len(times) != 2 || times[1] != 30*time.Second {
			t.Errorf("tries at %v, want the second after 30 s", times)
		}
	})
}

func TestGivesUpAfterQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, stop := notifying(t, 500)
		n.enqueue(firing(1))
		time.Sleep(2 * giveUpAfter)
		synctest.Wait()
		_, times := r.seen()
		last := times[len(times)-1]
		if len(times) < 15 || len(times) > 30 || last > giveUpAfter || last < giveUpAfter-2*longestWait {
			t.Errorf("%d tries, the last after %v", len(times), last)
		}
		st := n.snapshot()
		if st.Dropped[dropGivenUp] != 1 || st.Sent != 0 || st.LastError != "hook.example answered 500 Internal Server Error" {
			t.Errorf("stats %+v", st)
		}
		n.enqueue(firing(2)) // the next one has its own quarter of an hour
		time.Sleep(time.Minute)
		stop()
		if keys, _ := r.seen(); keys[len(keys)-1] != "load-2-firing" {
			t.Errorf("last try %s, want of load-2", keys[len(keys)-1])
		}
	})
}

func TestRefusalIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []int{400, 401, 404, 410, 301, 302} {
			n, r, stop := notifying(t, code)
			n.enqueue(firing(1))
			time.Sleep(giveUpAfter)
			stop()
			if keys, _ := r.seen(); len(keys) != 1 {
				t.Errorf("%d: %d tries, want 1", code, len(keys))
			}
			if st := n.snapshot(); st.Dropped[dropRefused] != 1 || !strings.Contains(st.LastError, fmt.Sprint(code)) {
				t.Errorf("%d: stats %+v", code, st)
			}
		}
	})
}

func TestHangingReceiverIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, stop := notifying(t, -1, 200)
		n.enqueue(firing(1))
		time.Sleep(time.Minute)
		stop()
		if _, times := r.seen(); !about(times, []time.Duration{0, sendTimeout + time.Second}) {
			t.Errorf("tries at %v, want the second after the timeout and a wait", times)
		}
		if st := n.snapshot(); st.Sent != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestQueueDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, r, stop := notifying(t, -1, 200)
		n.enqueue(firing(0))
		synctest.Wait() // it hangs at the receiver
		began := time.Now()
		for i := range queueLimit + 10 {
			n.enqueue(firing(i + 1))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("enqueue waited %v for the receiver", took)
		}
		if st := n.snapshot(); st.Queued != queueLimit || st.Dropped[dropQueueFull] != 10 || !st.InFlight {
			t.Errorf("stats %+v", st)
		}
		time.Sleep(time.Minute)
		stop()
		keys, _ := r.seen()
		if len(keys) != 2+queueLimit || keys[1] != "load-0-firing" || keys[2] != "load-11-firing" ||
			keys[len(keys)-1] != fmt.Sprintf("load-%d-firing", queueLimit+10) {
			t.Errorf("%d tries: %v", len(keys), keys)
		}
	})
}

func TestStopDropsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []int{-1, 503} { // stopped in a try, and between two
			n, _, stop := notifying(t, code)
			for i := range 3 {
				n.enqueue(firing(i))
			}
			synctest.Wait()
			began := time.Now()
			stop()
			if took := time.Since(began); took != 0 {
				t.Errorf("%d: stopping took %v", code, took)
			}
			if st := n.snapshot(); st.Dropped[dropShutdown] != 3 || st.Queued != 0 || st.InFlight {
				t.Errorf("%d: stats %+v", code, st)
			}
		}
	})
}

func TestNewWebhookTakesOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, old, stop := notifying(t, 500)
		n.enqueue(firing(1))
		time.Sleep(5 * time.Minute) // now the waits are a minute long
		synctest.Wait()
		tries, _ := old.seen()
		next := &receiver{script: []int{200}, began: time.Now()}
		hook, err := newWebhook("https://other.example/", false)
		if err != nil {
			t.Fatal(err)
		}
		hook.client.Transport = next
		n.mu.Lock()
		n.hook = hook
		n.mu.Unlock()
		n.signal()
		synctest.Wait()
		if keys, times := next.seen(); len(keys) != 1 || times[0] != 0 {
			t.Errorf("the new receiver got %v after %v, want one at once", keys, times)
		}
		if again, _ := old.seen(); len(again) != len(tries) {
			t.Error("the old receiver was called again")
		}
		if err := n.apply(Config{}); err != nil { // none at all
			t.Fatal(err)
		}
		n.enqueue(firing(2))
		stop()
		if st := n.snapshot(); st.Enabled || st.Queued != 0 || st.Sent != 1 {
			t.Errorf("stats without a webhook: %+v", st)
		}
	})
}

func TestRemovedWebhookDropsWhatIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, stop := notifying(t, 500)
		n.enqueue(firing(1))
		synctest.Wait()
		if err := n.apply(Config{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		if st := n.snapshot(); st.Dropped[dropDisabled] != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestRetryAfterHeader(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999": 0,
		"Sun, 01 Mar 2026 12:00:09 GMT": 9 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}
