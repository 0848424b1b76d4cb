package memory

import "sync"

// history is a bounded ring of snapshots.
type history struct {
	mu   sync.Mutex // guards the fields below
	ring []Snapshot // grows to max, then wraps at next
	next int
	max  int
}

func (h *history) add(s Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) < h.max {
		h.ring = append(h.ring, s)
		return
	}
	h.ring[h.next] = s
	h.next = (h.next + 1) % h.max
}

func (h *history) all() []Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ordered()
}

// ordered returns a copy, oldest first. The caller holds the lock.
func (h *history) ordered() []Snapshot {
	out := make([]Snapshot, 0, len(h.ring))
	out = append(out, h.ring[h.next:]...)
	return append(out, h.ring[:h.next]...)
}

// resize changes the bound, which is at least 1, and keeps the newest.
func (h *history) resize(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := h.ordered()
	h.ring, h.next, h.max = kept[max(len(kept)-n, 0):], 0, n
}
