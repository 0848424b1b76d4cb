package cache

import "sync/atomic"

// maxHeat is how many accesses since the last look count.
const maxHeat = 15

// queueID says in which queue a node is: noQueue, smallQueue, or mainQueue plus a class.
type queueID uint8

const (
	noQueue queueID = iota
	smallQueue
	mainQueue
)

// node is what an order knows of an entry, or of one that a shadow imagines.
type node struct {
	hash  uint64
	bytes int64
	// entry is whose node it is; nil for one that is imagined.
	entry *entry

	// Who owns the order guards these.
	turn       float64 // what the order's clock must reach for it to leave the main queue
	prev, next *node
	saves      float32 // what a hit saves; above zero
	looked     uint16  // accesses when the order last looked, modulo 2^16
	queue      queueID

	// accesses counts the hits. It comes last, next to what else a hit needs of an entry.
	accesses atomic.Uint64
}

// heat is the number of accesses since the order last looked, up to maxHeat.
func (n *node) heat() int { return int(min(uint16(n.accesses.Load())-n.looked, maxHeat)) }

// cool has the accesses so far looked at.
func (n *node) cool() { n.looked = uint16(n.accesses.Load()) }

// inherit takes the heat of the node that n replaces.
func (n *node) inherit(old *node) { n.looked = uint16(n.accesses.Load()) - uint16(old.heat()) }

// gone reports whether the node is of no use any more.
func (n *node) gone(now int64) bool {
	if n.entry == nil {
		return false
	}
	_, gone := n.entry.gone(now)
	return gone
}

// queue is a first-in-first-out list of nodes. Its zero value is empty.
type queue struct{ head, tail *node }

func (q *queue) push(n *node) {
	n.prev, n.next = q.tail, nil
	if q.tail == nil {
		q.head = n
	} else {
		q.tail.next = n
	}
	q.tail = n
}

func (q *queue) remove(n *node) {
	if n.prev == nil {
		q.head = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		q.tail = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.prev, n.next = nil, nil
}

// size is how much there is of something.
type size struct {
	entries int
	bytes   int64
}

func (s *size) add(n *node) { s.entries++; s.bytes += n.bytes }
func (s *size) sub(n *node) { s.entries--; s.bytes -= n.bytes }
