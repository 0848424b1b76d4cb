package cache

const (
	// maxHeat is how many accesses the order can tell apart.
	maxHeat = 3
	// smallShare is the part of the entries, and of the bytes, that are on probation: one tenth.
	smallShare = 10
	// minGhosts is the number of evicted keys remembered by a cache that is nearly empty.
	minGhosts = 16
)

// queueID says in which queue an entry is.
type queueID uint8

const (
	noQueue queueID = iota
	smallQueue
	mainQueue
)

// queue is a first-in-first-out list of entries that knows its size. Its zero value is empty.
type queue struct {
	head, tail *entry
	entries    int
	bytes      int64
}

func (q *queue) push(e *entry) {
	e.prev, e.next = q.tail, nil
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
	q.entries++
	q.bytes += e.bytes
}

func (q *queue) remove(e *entry) {
	if e.prev == nil {
		q.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		q.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
	q.entries--
	q.bytes -= e.bytes
}

// order decides which entry leaves next. It is S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO
// queues are all you need for cache eviction, SOSP 2023): a new entry is on probation in the
// small queue; one that was used meanwhile moves to the main queue, the others leave and are
// remembered as ghosts, who go straight to the main queue when they come back. In the main queue
// an entry goes round once for every access.
//
// A hit only sets a word of the entry, so it takes no lock and no buffer. All shares are of what
// is held now, so it does not matter whether entries or bytes are the bound that is reached.
type order struct {
	small, main queue
	ghosts      ghosts
}

func (o *order) entries() int { return o.small.entries + o.main.entries }
func (o *order) bytes() int64 { return o.small.bytes + o.main.bytes }

// rank is the queue that a new entry of key goes to.
func (o *order) rank(key string) queueID {
	if o.ghosts.forget(key) {
		return mainQueue
	}
	return smallQueue
}

func (o *order) push(to queueID, e *entry) {
	e.queue = to
	o.of(e).push(e)
}

func (o *order) remove(e *entry) {
	o.of(e).remove(e)
	e.queue = noQueue
}

func (o *order) of(e *entry) *queue {
	if e.queue == mainQueue {
		return &o.main
	}
	return &o.small
}

// coldest is the entry that should leave next; nil when there is none. An entry that is gone
// anyway is taken as it comes by.
func (o *order) coldest(now int64) *entry {
	for {
		e := o.main.head
		if o.main.entries == 0 || o.smallIsFull() {
			e = o.small.head
		}
		if e == nil {
			return nil
		}
		if _, gone := e.gone(now); gone {
			return e
		}
		heat := e.heat.Load()
		if heat == 0 {
			return e
		}
		if e.queue == smallQueue {
			heat = 1
		}
		e.heat.Store(heat - 1)
		o.remove(e)
		o.push(mainQueue, e)
	}
}

// smallIsFull tells whether the small queue has its share of the entries or of the bytes.
func (o *order) smallIsFull() bool {
	return o.small.entries > 0 &&
		(o.small.entries*smallShare >= o.entries() || o.small.bytes >= o.bytes()/smallShare)
}

// remember keeps the key of an entry that was evicted from the small queue.
func (o *order) remember(e *entry) {
	if e.queue == smallQueue {
		o.ghosts.add(e.key, max(o.entries(), minGhosts))
	}
}
