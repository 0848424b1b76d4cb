package memory

// Where a limit comes from.
const (
	SourceCgroup = "cgroup"
	SourceGo     = "gomemlimit"
	SourceSystem = "system"
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
func nearest(h hostReading, r runtimeReading) usage {
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
	consider(usage{SourceGo, r.heap.HeldBytes, r.gc.LimitBytes})
	return best
}
