package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sentientcore/upshift/profiler"
)

func TestMoodAt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		elapsed time.Duration
		want    Mood
	}{
		{"at the start", 0, Steady},
		{"before it slows down", 45*time.Second - 1, Steady},
		{"slows down", 45 * time.Second, Slow},
		{"before it fails", 75*time.Second - 1, Slow},
		{"fails", 75 * time.Second, Failing},
		{"before it heals", 95*time.Second - 1, Failing},
		{"heals", 95 * time.Second, Steady},
		{"again", moodPeriod + 50*time.Second, Slow},
		{"hours later", 20*moodPeriod + 80*time.Second, Failing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := MoodAt(tc.elapsed); got != tc.want {
				t.Errorf("MoodAt(%v) = %v, want %v", tc.elapsed, got, tc.want)
			}
		})
	}
}

// testReplica is the slow replica, alone: its agents call each other directly.
func testReplica(t *testing.T) *replica {
	t.Helper()
	p, err := profiler.New(profiler.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.SetEnabled(true)
	return newReplica("rag-slow", pace{factor: 2.5, slots: 2}, MoodAt,
		world{gateway: newCaller(), passages: sharedCorpus(), profiler: p})
}

func serve(r *replica, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.handler().ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

func TestReplicaFollowsItsSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := testReplica(t)
		const prompt = `{"messages":[{"role":"user","content":"a b c"}],"max_tokens":10}`
		for _, step := range []struct {
			name           string
			at             time.Duration
			health, status int
			takes          time.Duration
		}{
			{"steady", 0, http.StatusOK, http.StatusOK, 300 * time.Millisecond}, // 2.5 × (60 + 10 × 6) ms
			{"slow", 50 * time.Second, http.StatusOK, http.StatusOK, 1500 * time.Millisecond},
			{"failing", 80 * time.Second, http.StatusServiceUnavailable, http.StatusInternalServerError, 0},
			{"healed", 100 * time.Second, http.StatusOK, http.StatusOK, 300 * time.Millisecond},
		} {
			time.Sleep(time.Until(r.born.Add(step.at)))
			if got := serve(r, "GET", "/health", "").Code; got != step.health {
				t.Errorf("%s: /health = %d, want %d", step.name, got, step.health)
			}
			began := time.Now()
			if got := serve(r, "POST", "/v1/chat/completions", prompt).Code; got != step.status {
				t.Errorf("%s: chat = %d, want %d", step.name, got, step.status)
			}
			if got := time.Since(began); got != step.takes {
				t.Errorf("%s: an answer of 10 tokens took %v, want %v", step.name, got, step.takes)
			}
		}
	})
}

func TestSlotsBoundTheModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		for range 2 {
			if err := s.take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		waited := make(chan error, 2)
		for range 2 {
			go func() { waited <- s.take(t.Context()) }()
		}
		synctest.Wait()
		if err := s.take(t.Context()); statusOf(err) != http.StatusTooManyRequests {
			t.Errorf("a fifth caller of two slots got %v, want 429", err)
		}
		s.give()
		if err := <-waited; err != nil {
			t.Errorf("the first who waited got %v", err)
		}
		s.give()
		if err := <-waited; err != nil {
			t.Errorf("the second who waited got %v", err)
		}
	})
}
