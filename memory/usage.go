package memory

// Where a limit comes from.
const (
	SourceCgroup = "cgroup"
	SourceGo     = "gomemlimit"
	SourceSystem = "system"
	SourceConfig = "config"
)

// usage is how near use is to one limit.
type usage struct {
	source      string
	used, limit int64
}

// ratio is the share of the limit in use; 0 when nothing is known.
func (u usage) ratio() float64 {
	if u.limit <= 0 {
		return 0
	}
	return float64(u.used) / float64(u.limit)
}

// nearest returns the limit that use is nearest to. The machine's memory counts only when
// no container limit stands in its way.
func nearest(h hostReading, r runtimeReading, l limits) usage {
	var best usage
	consider := func(u usage) {
		if u.limit > 0 && (best.limit == 0 || u.ratio() > best.ratio()) {
			best = u
		}
	}
	own := h.process.RSSAnonBytes
	if own == 0 {
		own = h.process.RSSBytes // not Linux: with the file-backed part
	}
	total := h.system.TotalBytes
	if h.cgroupLimit > 0 && (total == 0 || h.cgroupLimit < total) {
		consider(usage{SourceCgroup, own, h.cgroupLimit})
	} else {
		consider(usage{SourceSystem, max(total-h.system.AvailableBytes, 0), total})
	}
	consider(usage{SourceGo, r.heap.HeldBytes, l.program})
	consider(usage{SourceConfig, own, l.configured})
	return best
}

// limits are those that the program sets itself.
type limits struct {
	program    int64 // GOMEMLIMIT, without what the tuner makes of it
	configured int64 // Config.LimitBytes
}

func (m *Monitor) limits(r runtimeReading) limits {
	m.mu.Lock()
	configured := m.cfg.LimitBytes
	m.mu.Unlock()
	return limits{m.tuner.programLimit(r.gc.LimitBytes), configured}
}

// usage is the use of the nearest limit.
func (m *Monitor) usage(h hostReading, r runtimeReading) usage { return nearest(h, r, m.limits(r)) }

// need is the same without the garbage that the tuner lets stand: it goes when memory is
// needed.
func (m *Monitor) need(h hostReading, r runtimeReading) usage {
	l := m.limits(r)
	if m.tuner.active() {
		garbage := max(r.heap.ObjectsBytes-r.heap.LiveBytes, 0) + r.heap.FreeBytes + r.heap.UnusedBytes
		r.heap.HeldBytes = max(r.heap.HeldBytes-garbage, 0)
		h.process.RSSAnonBytes = max(h.process.RSSAnonBytes-garbage, 1)
		h.process.RSSBytes = max(h.process.RSSBytes-garbage, 1)
	}
	return nearest(h, r, l)
}
