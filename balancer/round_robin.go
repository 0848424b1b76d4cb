package balancer

import "sync/atomic"

// roundRobin takes the servers one after the other. A server in slow start, or told to
// hold back, is passed over in proportion to its share.
type roundRobin struct{ next atomic.Uint64 }

func (*roundRobin) price(reading) price { return price{share: 1} }

func (s *roundRobin) choose(rows []row, j job) int {
	n, first, last := uint64(len(rows)), s.next.Add(1), -1
	for skipped := range n {
		i := int((first + skipped) % n)
		if !rows[i].available() {
			continue
		}
		last = i
		if share := rows[i].share.Load(); share >= fullTurn || int64(splitmix(j.rnd+skipped)%fullTurn) < share {
			s.next.Add(skipped)
			return i
		}
	}
	return last
}
