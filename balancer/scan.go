package balancer

import "math"

// Above fullScan servers only sampleSize neighbours from a random one on are looked at.
const (
	fullScan   = 64
	sampleSize = 32
)

// A price is one integer, so that a scan is a multiplication, an addition and a minimum
// per row, with no branch to be guessed wrong: 16 ns units from bit 20 on, and below them
// a lot that decides between equals: eight random bits over the twelve of the row's index.
// A price with its highest bit set is no price: the server takes no calls.
const (
	indexBits  = 12
	lotBits    = 20
	priceUnit  = 16e-9 // seconds
	rateOne    = 1 << 10
	maxBase    = 1<<62 - 1<<lotBits
	maxRate    = 1 << 18 // 256 times a median server
	maxSize    = 1 << 24 // 275 seconds
	noPrice    = 1 << 63
	indexMask  = 1<<indexBits - 1
	lotMask    = 1<<lotBits - 1
	randomLots = lotMask &^ indexMask
)

// basePrice returns the integer form of a base price in seconds, with a lot.
func basePrice(base float64, index int, rnd uint64) uint64 {
	units := uint64(min(max(base/priceUnit, 0), maxBase>>lotBits))
	return units<<lotBits | rnd&randomLots | uint64(index)
}

// rate returns the integer form of a price per unit of size.
func rate(perUnit float64) uint64 { return uint64(min(max(perUnit*rateOne, 1), maxRate)) }

// sizeOf returns the integer form of a size in seconds.
func sizeOf(size float64) uint64 {
	return uint64(min(max(size/(priceUnit*rateOne), 1), maxSize)) << lotBits
}

// cheapest returns the index of the row with the lowest price for the job, by lot among
// equals, or -1 when none is available. Large pools are sampled.
func cheapest(rows []row, j job) int {
	size, lot, best := sizeOf(j.size), j.rnd&lotMask, uint64(math.MaxUint64)
	if len(rows) > fullScan {
		first := int(j.rnd >> 32 % uint64(len(rows)))
		end := first + sampleSize
		best = scan(rows[first:min(end, len(rows))], size, lot, best)
		best = scan(rows[:max(end-len(rows), 0)], size, lot, best)
	}
	if best >= noPrice {
		best = scan(rows, size, lot, best)
	}
	if best >= noPrice {
		return -1
	}
	return int((best ^ lot) & indexMask)
}

// scan returns the lowest price of the rows, or best if that is lower.
func scan(rows []row, size, lot, best uint64) uint64 {
	for len(rows) >= 4 {
		a, b, c, d := &rows[0], &rows[1], &rows[2], &rows[3]
		best = min(best, a.key(size, lot), b.key(size, lot), c.key(size, lot), d.key(size, lot))
		rows = rows[4:]
	}
	for i := range rows {
		best = min(best, rows[i].key(size, lot))
	}
	return best
}

func (r *row) key(size, lot uint64) uint64 { return r.base.Load() + size*r.rate.Load() ^ lot }
