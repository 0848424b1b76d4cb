package cache

import (
	"math"
	"time"
)

const (
	// leastLoad is the load time below which all count the same: what is noise must not decide.
	leastLoad = time.Millisecond
	// leastPrice is the least price that is told from none.
	leastPrice = 1e-30
	// priceSlots is how many keys a pricer remembers.
	priceSlots = 1 << 11
	// leastPairs is how often keys must have been loaded again before load times count.
	leastPairs = 32
	// mostPairs is when the past counts half.
	mostPairs = 1 << 10
)

// pricer makes prices of load times. How long one load of a key took says little of the next when
// it is the backend that is slow now and then, and much when it is the key: so it compares the
// times of keys that are loaded more than once and moves each towards the mean by as much as they
// do not agree (regression to the mean). Without evidence all have the same price.
type pricer struct {
	last []load
	n    float64
	// Sums over pairs of successive loads x, y of a key, as logarithms.
	x, y, xx, yy, xy float64
}

// load is the last one of a key: the logarithm of its milliseconds.
type load struct {
	hash uint64
	log  float32
}

// price is what a hit saves by a load that took so long: milliseconds, at least 1, or what is to be
// expected of the next.
func (p *pricer) price(took time.Duration) float32 {
	log := logOf(took)
	if p.n < leastPairs {
		return float32(math.Exp(p.mean()))
	}
	return float32(math.Exp(p.mean() + p.agreement()*(log-p.mean())))
}

func logOf(took time.Duration) float64 {
	return math.Log(float64(max(took, leastLoad)) / float64(time.Millisecond))
}

func (p *pricer) mean() float64 {
	if p.n == 0 {
		return 0
	}
	return p.x / p.n
}

// agreement is the correlation of the loads of a key, 0 when they have nothing in common.
func (p *pricer) agreement() float64 {
	vx, vy := p.xx/p.n-p.x/p.n*p.x/p.n, p.yy/p.n-p.y/p.n*p.y/p.n
	if vx <= 1e-9 || vy <= 1e-9 {
		return 0
	}
	return max(0, min(1, (p.xy/p.n-p.x/p.n*p.y/p.n)/math.Sqrt(vx*vy)))
}

// observe learns from a load.
func (p *pricer) observe(hash uint64, took time.Duration) {
	if p.last == nil {
		p.last = make([]load, priceSlots)
	}
	now := logOf(took)
	slot := &p.last[hash%priceSlots]
	if slot.hash == hash {
		x, y := float64(slot.log), now
		if p.n++; p.n > mostPairs {
			p.n, p.x, p.y, p.xx, p.yy, p.xy = p.n/2, p.x/2, p.y/2, p.xx/2, p.yy/2, p.xy/2
		}
		p.x, p.y = p.x+x, p.y+y
		p.xx, p.yy, p.xy = p.xx+x*x, p.yy+y*y, p.xy+x*y
	}
	*slot = load{hash, float32(now)}
}
