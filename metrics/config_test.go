package metrics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	want := Config{
		CollectionInterval: time.Minute, RetentionDays: 30, BatchSize: 100, MaxSeries: 10_000, RetentionBytes: 2 << 30,
	}
	if diff := cmp.Diff(want, Config{}.WithDefaults()); diff != "" {
		t.Error(diff)
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{CollectionInterval: time.Millisecond, RetentionDays: -1, BatchSize: -1, MaxSeries: 2_000_000, RetentionBytes: 1}
	wantErr := `metrics.collection_interval: must be between 1s and 1h0m0s (got 1ms)
metrics.retention_days: must be between 1 and 3650 (got -1)
metrics.batch_size: must be between 1 and 100000 (got -1)
metrics.max_series: must be between 1 and 1000000 (got 2000000)
metrics.retention_bytes: must be at least 16MiB (got 1)`
	if err := bad.Validate(); err == nil || err.Error() != wantErr {
		t.Errorf("Validate() = %v\nwant %s", err, wantErr)
	}
	if _, err := Open(t.TempDir(), bad, nil); err == nil || err.Error() != wantErr {
		t.Errorf("Open: %v", err)
	}
	s := openStore(t, t.TempDir(), Config{})
	if err := s.Apply(bad); err == nil || s.Config() != want {
		t.Errorf("a refused Apply: %v, %+v", err, s.Config())
	}
	if err := s.Apply(Config{RetentionDays: 7}); err != nil || s.Config().RetentionDays != 7 {
		t.Errorf("Apply: %v, %+v", err, s.Config())
	}
}
