package balancer

import (
	"math"
	"sync"
)

// weightedRoundRobin is smooth weighted round robin as in nginx: with each pick every
// server gains its weight, the richest is taken and pays the sum. So a server of weight 5
// among two of weight 1 is taken as in "aabacaa", not in bursts. The start is random, so
// that gateways side by side do not march in step.
type weightedRoundRobin struct {
	mu sync.Mutex // guards row.turn and rows
	at *row       // the first row of those whose turns were set up
}

func (*weightedRoundRobin) price(r reading) price { return price{share: r.weight} }

func (s *weightedRoundRobin) choose(rows []row, j job) int {
	if len(rows) == 0 {
		return -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at != &rows[0] {
		s.at = &rows[0]
		for i := range rows {
			rows[i].turn = int64(float64(rows[i].share.Load()) * unit(splitmix(j.rnd+uint64(i))))
		}
	}
	best, at, sum := int64(math.MinInt64), -1, int64(0)
	for i := range rows {
		r := &rows[i]
		w := r.share.Load()
		if w == 0 {
			continue
		}
		sum += w
		r.turn += w
		if r.turn > best {
			best, at = r.turn, i
		}
	}
	if at >= 0 {
		rows[at].turn -= sum
	}
	return at
}
