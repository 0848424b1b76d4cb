package postgres

import (
	"cmp"
	"slices"
)

// slowest sorts by the slowest call, then by fingerprint, and cuts after limit.
func slowest(list []SlowQuery, limit int) []SlowQuery {
	slices.SortFunc(list, func(a, b SlowQuery) int {
		return cmp.Or(cmp.Compare(b.MaxSeconds, a.MaxSeconds), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return list[:min(len(list), max(limit, 0))]
}

// SlowQueries returns the statements whose mean or slowest call is above the threshold,
// slowest first, limit at most. A statement that the server and a tracer both know shows
// the server's figures, which include the calls of other programs and leave out the
// network.
func (m *Monitor) SlowQueries(limit int) []SlowQuery {
	m.mu.Lock()
	list := append([]SlowQuery{}, m.slow...)
	plans := m.plans
	m.mu.Unlock()
	known := make(map[string]bool, len(list))
	for _, q := range list {
		known[q.Fingerprint] = true
	}
	for _, q := range m.tracer.Slow(m.cfg.SlowQueryThreshold, m.cfg.QueryCacheSize) {
		if !known[q.Fingerprint] {
			list = append(list, q)
		}
	}
	for i, q := range list {
		if p, ok := plans[q.Fingerprint]; ok && p.err == "" {
			list[i].TableScans, list[i].Planned = uint64(p.scans), true
		}
	}
	return slowest(list, limit)
}
