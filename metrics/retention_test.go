package metrics

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// hours is how many hours of samples the store of these tests has, one an hour.
const hours = 40

// longStore is a store with a block for each two hours and one day of retention.
func longStore(t *testing.T) *Store {
	t.Helper()
	s := openStore(t, t.TempDir(), Config{RetentionDays: 1})
	for i := range hours {
		appendAll(t, s, origin().Add(time.Duration(i)*time.Hour), 1, gauge("m", float64(i)))
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRetentionWaitsAnHour(t *testing.T) {
	t.Parallel()
	s := longStore(t)
	end := origin().Add((hours - 1) * time.Hour)
	before := valueOf(t, s, `count_over_time(m[30d])`, end)
	if before != float64(hours) {
		t.Fatalf("%v samples before anything is removed, want %d", before, hours)
	}
	now, retain := time.Now(), newRetention(&s.config) // the database has its own
	blocks := s.db.Blocks()
	if removed := retain.chooseAt(blocks, now); len(removed) != 0 {
		t.Errorf("%d blocks are removed at first sight", len(removed))
	}
	if removed := retain.chooseAt(blocks, now.Add(graceBeforeRemoval-time.Second)); len(removed) != 0 {
		t.Errorf("%d blocks are removed within the hour", len(removed))
	}
	removed := retain.chooseAt(blocks, now.Add(graceBeforeRemoval))
	if len(removed) == 0 || len(removed) >= len(blocks) {
		t.Fatalf("%d of %d blocks are removed after the hour", len(removed), len(blocks))
	}
	newest := blocks[len(blocks)-1].MaxTime()
	for _, b := range blocks {
		_, gone := removed[b.Meta().ULID]
		if old := newest-b.MaxTime() > (24 * time.Hour).Milliseconds(); old != gone {
			t.Errorf("a block that ends %v before the newest: removed %v",
				time.Duration(newest-b.MaxTime())*time.Millisecond, gone)
		}
	}
	// A longer retention, set meanwhile, forgets that they were too old.
	if err := s.Apply(Config{RetentionDays: 30}); err != nil {
		t.Fatal(err)
	}
	if removed := retain.chooseAt(blocks, now.Add(2*graceBeforeRemoval)); len(removed) != 0 {
		t.Errorf("%d blocks are removed with a longer retention", len(removed))
	}
	if err := s.Apply(Config{RetentionDays: 1}); err != nil {
		t.Fatal(err)
	}
	if removed := retain.chooseAt(blocks, now.Add(2*graceBeforeRemoval)); len(removed) != 0 {
		t.Errorf("%d blocks are removed at first sight, the second time", len(removed))
	}
}

// The database asks the same choice, and does what it says.
func TestRetentionRemoves(t *testing.T) {
	t.Parallel()
	s := longStore(t)
	before := len(s.db.Blocks())
	s.retain.mu.Lock()
	for id := range s.retain.since { // as if the hour had passed
		s.retain.since[id] = time.Now().Add(-2 * graceBeforeRemoval)
	}
	noted := len(s.retain.since)
	s.retain.mu.Unlock()
	if noted == 0 {
		t.Fatal("the database did not ask which blocks to remove")
	}
	appendAll(t, s, origin().Add((hours+8)*time.Hour), 1, gauge("m", 80)) // the next block
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	oldest := s.Stats().OldestSample
	if after := len(s.db.Blocks()); after >= before || !oldest.After(origin().Add((hours-24-8)*time.Hour)) {
		t.Errorf("%d blocks of %d are left, the oldest sample is of %v", after, before, oldest)
	}
	if got := valueOf(t, s, `m`, origin().Add((hours+8)*time.Hour)); got != 80.0 {
		t.Errorf("m = %v", got)
	}
}

func TestRetentionBySize(t *testing.T) {
	t.Parallel()
	s := longStore(t)
	var size int64
	blocks := s.db.Blocks()
	for _, b := range blocks {
		size += b.Size()
	}
	if len(blocks) < 3 {
		t.Fatalf("%d blocks", len(blocks))
	}
	cfg := s.Config()
	for _, tt := range []struct {
		limit int64
		want  int
	}{{size, 0}, {size - 1, 1}, {1, len(blocks) - 1}} { // the newest always stays
		cfg.RetentionBytes = tt.limit
		s.config.Store(&cfg)
		removed := s.retain.chooseAt(blocks, time.Now())
		if len(removed) != tt.want {
			t.Errorf("limit %d of %d bytes: %d blocks are removed, want %d", tt.limit, size, len(removed), tt.want)
		}
		if _, gone := removed[blocks[0].Meta().ULID]; tt.want > 0 && !gone {
			t.Errorf("limit %d: the oldest block stays", tt.limit)
		}
	}
	if got := s.retain.chooseAt([]*tsdb.Block{}, time.Now()); len(got) != 0 {
		t.Errorf("of no blocks %d are removed", len(got))
	}
}

// Values read over blocks and memory are those that were stored.
func TestQueryAcrossBlocks(t *testing.T) {
	t.Parallel()
	s := longStore(t)
	r, err := s.QueryRange(t.Context(), "m", origin(), origin().Add((hours-1)*time.Hour), time.Hour)
	if err != nil || len(r.Series()) != 1 || len(r.Series()[0].Values) != hours {
		t.Fatalf("%v, %v", r.Series(), err)
	}
	for i, v := range r.Series()[0].Values {
		if v.Value != float64(i) {
			t.Errorf("hour %d: %v", i, v.Value)
		}
	}
	if err := errors.Join(s.verify(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
}
