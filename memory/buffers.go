package memory

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnknownPool is wrapped by the error for a pool name that does not exist.
var ErrUnknownPool = errors.New("memory: unknown pool")

// bufferClasses are the named pools, smallest first.
var bufferClasses = [...]struct {
	name string
	size int
	keep int
}{
	{"small", 4 << 10, 1000},
	{"medium", 64 << 10, 500},
	{"large", 1 << 20, 100},
}

// PoolNames returns the names of the byte-buffer pools, smallest first.
func PoolNames() []string {
	names := make([]string, len(bufferClasses))
	for i, class := range bufferClasses {
		names[i] = class.name
	}
	return names
}

// Buffers are the named pools of byte buffers: small of 4 KiB, medium of 64 KiB, large of
// 1 MiB. A buffer comes with its full length and whatever its last user left in it. Full
// pools of the default bounds hold 4, 31 and 100 MiB; what is not needed between two
// runs of [Monitor.Check] is let go, and under pressure everything.
type Buffers struct {
	pools [len(bufferClasses)]*BufferPool
}

func newBuffers(sizes map[string]int) (*Buffers, error) {
	b := &Buffers{}
	for i, class := range bufferClasses {
		pool, err := NewPool(PoolOptions[[]byte]{
			Max:   sizes[class.name],
			New:   func() []byte { return make([]byte, class.size) },
			Reset: func(buf []byte) ([]byte, bool) { return buf[:cap(buf)], cap(buf) == class.size },
		})
		if err != nil {
			return nil, err
		}
		b.pools[i] = &BufferPool{name: class.name, size: class.size, pool: pool}
	}
	return b, nil
}

// Get returns a buffer of the named pool, or an error wrapping [ErrUnknownPool].
func (b *Buffers) Get(name string) ([]byte, error) {
	pool, err := b.Pool(name)
	if err != nil {
		return nil, err
	}
	return pool.Get(), nil
}

// GetSize returns a buffer of length n from the smallest pool that has such, or a new
// one when n is over 1 MiB. A negative n is taken as 0.
func (b *Buffers) GetSize(n int) []byte {
	n = max(n, 0)
	for _, pool := range b.pools {
		if n <= pool.size {
			return pool.Get()[:n]
		}
	}
	return make([]byte, n)
}

// Put returns a buffer to the pool it is of, whatever its length now. One of another
// capacity is let go. The caller must not use it afterwards.
func (b *Buffers) Put(buf []byte) {
	for _, pool := range b.pools {
		if cap(buf) == pool.size {
			pool.Put(buf)
			return
		}
	}
}

// Pool returns the pool of that name, or an error wrapping [ErrUnknownPool].
func (b *Buffers) Pool(name string) (*BufferPool, error) {
	for _, pool := range b.pools {
		if pool.name == name {
			return pool, nil
		}
	}
	return nil, fmt.Errorf("%w %q: there are %s", ErrUnknownPool, name, strings.Join(PoolNames(), ", "))
}

// Stats returns the record of each pool by name.
func (b *Buffers) Stats() map[string]PoolStats {
	stats := make(map[string]PoolStats, len(b.pools))
	for _, pool := range b.pools {
		stats[pool.name] = pool.Stats()
	}
	return stats
}

// Clear lets go of every idle buffer and returns how many bytes that were.
func (b *Buffers) Clear() int64 {
	var freed int64
	for _, pool := range b.pools {
		freed += int64(pool.pool.Clear()) * int64(pool.size)
	}
	return freed
}

// Trim lets go of the buffers that were idle ever since the last Trim and returns how
// many bytes that were.
func (b *Buffers) Trim() int64 {
	var freed int64
	for _, pool := range b.pools {
		freed += int64(pool.pool.Trim()) * int64(pool.size)
	}
	return freed
}

func (b *Buffers) setMax(sizes map[string]int) {
	for _, pool := range b.pools {
		pool.pool.SetMax(sizes[pool.name])
	}
}

// BufferPool is one pool of equally long buffers. It is an httputil.BufferPool.
type BufferPool struct {
	name string
	size int
	pool *Pool[[]byte]
}

// Get returns a buffer of the pool's size.
func (p *BufferPool) Get() []byte { return p.pool.Get() }

// Put returns a buffer; one of another capacity is let go and counted.
func (p *BufferPool) Put(buf []byte) { p.pool.Put(buf) }

// Stats returns the pool's record.
func (p *BufferPool) Stats() PoolStats {
	s := p.pool.Stats()
	s.ObjectBytes = int64(p.size)
	return s
}
