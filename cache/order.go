package cache

import (
	"math"
	"math/bits"
)

const (
	// classes are those of worth, each √2 times the one below; the middle one is worth 1.
	classes     = 128
	middleClass = classes / 2
	// maxSteps bounds the entries looked at for one eviction.
	maxSteps = 1 << 12
)

// order decides which entry leaves next, by a plan. A new entry is on probation in the small queue;
// from there it leaves or moves to the main queue. There the one whose turn is first is next: its
// turn is the clock when it was put there plus its worth, and the clock is the turn of the last one
// that left or was looked at (GreedyDual). Entries of the same worth are a queue, so nothing is
// searched.
//
// A hit only counts an access of the node, so it takes no lock and no buffer; an entry that was
// used is met again at the head of its queue and then moves. All shares are of what is held now,
// so it does not matter whether entries or bytes are the bound that is reached.
type order struct {
	plan
	// byBytes says that bytes are the bound that was reached last.
	byBytes bool

	small     queue
	smallSize size
	main      [classes]queue
	mainSize  size
	occupied  [classes / 64]uint64
	clock     float64
	sketch    sketch
}

func (o *order) entries() int { return o.smallSize.entries + o.mainSize.entries }
func (o *order) bytes() int64 { return o.smallSize.bytes + o.mainSize.bytes }

// admit puts a node that is new where its key belongs.
func (o *order) admit(n *node) {
	met := o.sketch.count(n.hash)
	o.sketch.add(n.hash, 1, o.entries())
	if o.returns > 0 && met >= o.returns {
		o.toMain(n)
	} else {
		o.toSmall(n)
	}
}

// enter puts a node in the place of one that was in a queue.
func (o *order) enter(n *node, was queueID) {
	switch was {
	case noQueue:
		o.admit(n)
	case smallQueue:
		o.toSmall(n)
	default:
		o.toMain(n)
	}
}

func (o *order) toSmall(n *node) {
	n.queue = smallQueue
	o.small.push(n)
	o.smallSize.add(n)
}

func (o *order) toMain(n *node) {
	class := o.class(n)
	n.queue = mainQueue + queueID(class)
	n.turn = o.clock + math.Exp2(float64(class-middleClass)/2)
	o.main[class].push(n)
	o.mainSize.add(n)
	o.occupied[class/64] |= 1 << (class % 64)
}

func (o *order) remove(n *node) {
	switch n.queue {
	case noQueue:
		return
	case smallQueue:
		o.small.remove(n)
		o.smallSize.sub(n)
	default:
		class := int(n.queue - mainQueue)
		q := &o.main[class]
		q.remove(n)
		o.mainSize.sub(n)
		if q.head == nil {
			o.occupied[class/64] &^= 1 << (class % 64)
		}
	}
	n.queue = noQueue
}

// worthOf is what it saves to hold n, for the room it takes, when its key was met so often.
func (o *order) worthOf(n *node, met int) float64 {
	switch {
	case !o.worth:
		return float64(met)
	case o.byBytes:
		return float64(met) * float64(n.saves) / float64(n.bytes)
	}
	return float64(met) * float64(n.saves)
}

// class is that of n in the main queue.
func (o *order) class(n *node) int {
	if !o.worth {
		return middleClass
	}
	worth := o.worthOf(n, max(o.sketch.count(n.hash), 1))
	return max(0, min(middleClass+int(math.Round(2*math.Log2(worth))), classes-1))
}

// coldest is the node that should leave next; nil when there is none. One that is gone anyway is
// taken as it comes by.
func (o *order) coldest(now int64) *node {
	for step := 0; ; step++ {
		n := o.small.head
		if n == nil || !o.smallIsFull() {
			return o.coldestOfMain(now)
		}
		if n.gone(now) || step > maxSteps {
			return n
		}
		heat := n.heat()
		o.look(n, heat)
		switch {
		case heat > 0 && o.again:
			o.remove(n)
			o.toSmall(n)
		case heat > 0, o.contest && o.mainHasRoom():
			o.remove(n)
			o.toMain(n)
		case !o.contest:
			return n
		default:
			return o.loser(n, o.coldestOfMain(now), now)
		}
	}
}

// look counts what n was used since the last look.
func (o *order) look(n *node, heat int) {
	o.sketch.add(n.hash, heat, o.entries())
	n.cool()
}

// coldestOfMain is the node that should leave the main queue next; nil when it is empty.
func (o *order) coldestOfMain(now int64) *node {
	for step := 0; ; step++ {
		n := o.next()
		if n == nil {
			return o.small.head
		}
		o.clock = max(o.clock, n.turn)
		heat := n.heat()
		if heat == 0 || n.gone(now) || step > maxSteps {
			return n
		}
		o.look(n, heat)
		o.remove(n)
		if o.probation == 1 {
			o.toSmall(n) // where all is when there is nothing but probation
			continue
		}
		o.toMain(n)
	}
}

// next is the node of the main queue whose turn is first.
func (o *order) next() *node {
	var first *node
	for i, word := range o.occupied {
		for ; word != 0; word &= word - 1 {
			n := o.main[64*i+bits.TrailingZeros64(word)].head
			if first == nil || n.turn < first.turn {
				first = n
			}
		}
	}
	return first
}

// loser is the one of two that leaves: n, which is at the end of its probation, or m of the main
// queue. When n stays it moves there.
func (o *order) loser(n, m *node, now int64) *node {
	if m.gone(now) {
		return m
	}
	if o.worthOf(n, o.sketch.count(n.hash)-o.margin) <= o.worthOf(m, o.sketch.count(m.hash)) {
		return n
	}
	o.remove(n)
	o.toMain(n)
	return m
}

// any is some node; nil when there is none.
func (o *order) any() *node {
	if o.small.head != nil {
		return o.small.head
	}
	return o.next()
}

// smallIsFull tells whether the small queue has its share of the entries or of the bytes.
func (o *order) smallIsFull() bool {
	return float64(o.smallSize.entries) >= o.probation*float64(o.entries()) ||
		float64(o.smallSize.bytes) >= o.probation*float64(o.bytes())
}

// mainHasRoom tells whether the main queue has less than its share of both.
func (o *order) mainHasRoom() bool {
	share := 1 - 2*o.probation
	return float64(o.mainSize.entries) < share*float64(o.entries()) &&
		float64(o.mainSize.bytes) < share*float64(o.bytes())
}
