package balancer

import "sync/atomic"

const (
	// minRetries may be under way at any time, however few calls there are.
	minRetries = 3
	// mostSaved is how many retries can be saved up for a bad moment, and oneRetry the unit in which
	// they are: a server that dies takes all its calls with it at once.
	mostSaved = 100 * oneRetry
	oneRetry  = 1000
)

// budget bounds retries: each call earns a part of one.
type budget struct {
	saved    atomic.Int64
	retrying atomic.Int64 // under way
	denied   atomic.Uint64
}

// earn is what a call adds.
func (b *budget) earn(ratio float64) {
	if b.saved.Load() < mostSaved {
		b.saved.Add(int64(ratio * oneRetry))
	}
}

// take asks for one retry; give says that it ended.
func (b *budget) take() bool {
	if b.spare() {
		return true
	}
	b.denied.Add(1)
	return false
}

// spare is take, but a refusal does not count.
func (b *budget) spare() bool {
	if b.retrying.Add(1) <= minRetries {
		return true
	}
	if b.saved.Add(-oneRetry) >= 0 {
		return true
	}
	b.saved.Add(oneRetry)
	b.retrying.Add(-1)
	return false
}

func (b *budget) give() { b.retrying.Add(-1) }
