package metrics

import (
	"context"
	"time"
)

// Current is the system at the newest gathering. Every number is finite; what is not known
// is zero.
type Current struct {
	Point
	// DiskUsagePercent is of the file system that holds the data.
	DiskUsagePercent              float64
	NetworkReceiveBytesPerSecond  float64
	NetworkTransmitBytesPerSecond float64
	DiskReadBytesPerSecond        float64
	DiskWriteBytesPerSecond       float64
	Load1                         float64
	Goroutines                    int
	OpenFiles                     int
}

// cachedCurrent is the answer since the last gathering.
type cachedCurrent struct {
	at      time.Time
	appends uint64
	value   Current
}

// Current returns the system as of now. It is computed once for each gathering.
func (s *Store) Current(ctx context.Context) (Current, error) {
	s.currentMu.Lock()
	defer s.currentMu.Unlock()
	now, appends := time.Now(), s.count.appends.Load()
	cached := s.current
	age := now.Sub(cached.at)
	if !cached.at.IsZero() && cached.appends == appends && age >= 0 && age < s.config.Load().CollectionInterval {
		cached.value.Timestamp = now.UTC()
		return cached.value, nil
	}
	value, err := s.currentAt(ctx, now)
	if err != nil {
		return Current{}, err
	}
	s.current = cachedCurrent{at: now, appends: appends, value: value}
	return value, nil
}

func (s *Store) currentAt(ctx context.Context, now time.Time) (Current, error) {
	c := Current{Point: Point{Timestamp: now.UTC()}}
	w := s.window(0)
	var goroutines, files float64
	fields := c.fields()
	exprs := map[string]*float64{
		`100 * upshift_system_disk_usage_ratio`:                             &c.DiskUsagePercent,
		`sum(rate(upshift_system_network_receive_bytes_total[` + w + `]))`:  &c.NetworkReceiveBytesPerSecond,
		`sum(rate(upshift_system_network_transmit_bytes_total[` + w + `]))`: &c.NetworkTransmitBytesPerSecond,
		`sum(rate(upshift_system_disk_read_bytes_total[` + w + `]))`:        &c.DiskReadBytesPerSecond,
		`sum(rate(upshift_system_disk_written_bytes_total[` + w + `]))`:     &c.DiskWriteBytesPerSecond,
		`upshift_system_load1`:       &c.Load1,
		`upshift_process_goroutines`: &goroutines,
		`upshift_process_open_fds`:   &files,
	}
	for i, expr := range seedExprs(w) {
		exprs[expr] = fields[i]
	}
	exprs[`100 * upshift_system_cpu_usage_ratio`] = &c.CPUUsagePercent // now, not of the window
	delete(exprs, seedExprs(w)[0])
	for expr, into := range exprs {
		r, err := s.Query(ctx, expr, now)
		if err != nil {
			return Current{}, err
		}
		if samples := r.Samples(); len(samples) > 0 {
			*into = finite(samples[0].Value)
		}
	}
	c.Goroutines, c.OpenFiles = int(goroutines), int(files)
	return c, nil
}
