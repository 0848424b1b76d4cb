package cache

import "slices"

const (
	maxQueued      = 1 << 12  // operations that wait for the second tier
	maxQueuedBytes = 64 << 20 // and the bytes of their entries
	maxBatch       = 1 << 8   // operations sent together
	maxOwed        = 1 << 10  // generations to drop, before all are
)

// queued is an operation that waits. A value is made bytes when its turn comes.
type queued struct {
	op    RemoteOp
	store *store
	entry *entry
	snap  *snapshot
	// pattern is what a RemoteAmend adds to a generation.
	pattern string
}

// push queues an operation. One that cannot be queued and must not be forgotten is owed.
func (t *tier) push(q queued) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.live {
		t.owe(q) // run looks when the feed is back
		return
	}
	size := int64(0)
	if q.entry != nil {
		size = q.entry.bytes
	}
	if len(t.queue) >= maxQueued || t.bytes+size > maxQueuedBytes {
		t.counts.dropped.Add(1)
		t.owe(q)
		t.wake()
		return
	}
	t.queue = append(t.queue, q)
	t.bytes += size
	t.count(q, 1)
	t.wake()
}

func (t *tier) wake() {
	select {
	case t.work <- struct{}{}:
	default: // it has been told already
	}
}

// count counts an operation in or out of what is unsent, with mu held.
func (t *tier) count(q queued, n int) {
	if q.op.Key == "" {
		t.wide += n
		return
	}
	if t.unsent[q.op.Key] += n; t.unsent[q.op.Key] == 0 {
		delete(t.unsent, q.op.Key)
	}
}

// owe remembers what must be done before the second tier is read again, with mu held. A key is
// not dropped alone, but with its whole cache: an operation whose outcome is not known may still
// be carried out later, and then its generation is out of date.
func (t *tier) owe(q queued) { t.oweAll(q.invalidates()) }

// invalidates are the generations that stand for what an operation invalidates.
func (q queued) invalidates() []string {
	switch q.op.Kind {
	case RemoteReplace, RemoteForget:
		return []string{nameGeneration(q.store.name)}
	case RemoteRenew, RemoteAmend:
		return q.op.Names
	}
	return nil // nobody misses it
}

// oweAll owes generations, with mu held.
func (t *tier) oweAll(names []string) {
	for _, name := range names {
		t.owed[name] = struct{}{}
	}
	if len(t.owed) > maxOwed {
		t.owed = map[string]struct{}{groupGeneration: {}}
	}
	t.update()
}

// take takes the operations off the queue that are sent next.
func (t *tier) take() []queued {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.queue), maxBatch)
	batch := slices.Clone(t.queue[:n])
	t.queue = slices.Delete(t.queue, 0, n)
	for _, q := range batch {
		if q.entry != nil {
			t.bytes -= q.entry.bytes
		}
	}
	return batch
}
