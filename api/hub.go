package api

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// The events of /events.
const (
	EventMetrics        = "metrics"
	EventAlert          = "alert"
	EventRecommendation = "recommendation"
	EventJob            = "job"
)

const (
	ringFrames   = 512
	clientFrames = 64 // what a client may lag behind before it is dropped
)

// Hub spreads events to the clients of /events. Publishing never blocks: a client that
// does not keep up is dropped and counted, and may resume by Last-Event-ID from the last
// 512 events. Safe for concurrent use.
type Hub struct {
	logger *slog.Logger
	epoch  string // tells the ids of this process from those of an earlier one
	max    int

	published, dropped, refused atomic.Uint64

	mu      sync.Mutex // guards the fields below
	seq     uint64
	ring    []frame // oldest first
	clients map[*subscriber]struct{}
	closed  bool
}

// frame is one event as it goes over the wire.
type frame struct {
	seq  uint64
	text []byte
}

// subscriber is one client. Its channel is closed when it is dropped or the Hub closes.
type subscriber struct {
	frames chan frame
	// missed is set when events between Last-Event-ID and the first frame are lost.
	missed bool
}

func newHub(maxClients int, logger *slog.Logger) *Hub {
	return &Hub{logger: logger, epoch: newID(), max: maxClients, clients: map[*subscriber]struct{}{}}
}

// Publish sends v as JSON to every client. A value that cannot be JSON is logged and
// dropped.
func (h *Hub) Publish(event string, v any) {
	data, err := marshalFinite(v)
	if err != nil {
		h.logger.Error("event cannot be encoded", "event", event, "err", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.seq++
	f := frame{seq: h.seq, text: fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", h.id(h.seq), event, data)}
	if len(h.ring) == ringFrames {
		copy(h.ring, h.ring[1:])
		h.ring = h.ring[:ringFrames-1]
	}
	h.ring = append(h.ring, f)
	for c := range h.clients {
		select {
		case c.frames <- f:
		default: // too slow: it reconnects and resumes
			h.remove(c)
			h.dropped.Add(1)
		}
	}
	h.published.Add(1)
}

// Close ends every stream; later events go nowhere. It is idempotent.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.clients {
		h.remove(c)
	}
}

// Clients is the number of open streams.
func (h *Hub) Clients() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.clients)
}

func (h *Hub) id(seq uint64) string { return h.epoch + "-" + strconv.FormatUint(seq, 10) }

// subscribe adds a client that goes on after lastID; ok is false when there is no room.
// A lastID of another process replays all that is kept.
func (h *Hub) subscribe(lastID string) (c *subscriber, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= h.max {
		h.refused.Add(1)
		return nil, false
	}
	replay, missed := h.after(lastID)
	c = &subscriber{frames: make(chan frame, clientFrames+len(replay)), missed: missed}
	for _, f := range replay {
		c.frames <- f
	}
	h.clients[c] = struct{}{}
	return c, true
}

// after returns what was published after lastID, and whether some of it is gone.
func (h *Hub) after(lastID string) (replay []frame, missed bool) {
	if lastID == "" {
		return nil, false
	}
	seq, ok := parseEventID(lastID, h.epoch)
	if !ok || seq > h.seq {
		return h.ring, true // another process's id: what it missed is unknown
	}
	for i, f := range h.ring {
		if f.seq > seq {
			return h.ring[i:], i == 0 && f.seq > seq+1
		}
	}
	return nil, false
}

func (h *Hub) unsubscribe(c *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(c)
}

// remove closes a client's channel once. The caller holds mu.
func (h *Hub) remove(c *subscriber) {
	if _, ok := h.clients[c]; ok {
		delete(h.clients, c)
		close(c.frames)
	}
}

// parseEventID returns the number of an id of this process.
func parseEventID(id, epoch string) (uint64, bool) {
	tail, ok := strings.CutPrefix(id, epoch+"-")
	if !ok || len(tail) > 20 || strings.HasPrefix(tail, "+") {
		return 0, false
	}
	seq, err := strconv.ParseUint(tail, 10, 64)
	return seq, err == nil
}
