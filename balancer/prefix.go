package balancer

import (
	"math/bits"
	"sync"
)

const (
	// prefixServers is how many servers of a pool can be told apart by what they know.
	prefixServers = 64
	// maxPrefixBlocks is how many blocks a generation holds; there are two.
	maxPrefixBlocks = 1 << 16
	// maxPromptBlocks is how many blocks of a prompt are looked at.
	maxPromptBlocks = 4096
)

// prefixes remembers which server was sent which blocks of prompts: servers by block, as
// bits of their places. When a generation is full it becomes the old one, and what was the
// old one is forgotten, save for what was used since.
type prefixes struct {
	mu         sync.Mutex // guards the fields below
	young, old map[uint64]uint64
	free       uint64 // places that no server has
	begun      bool
}

// place takes a place for a server, below 0 when there is none.
func (p *prefixes) place() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun {
		p.begun, p.free = true, ^uint64(0)
	}
	if p.free == 0 {
		return -1
	}
	at := bits.TrailingZeros64(p.free)
	p.free &^= 1 << at
	return at
}

// leave gives a place back; whoever gets it next knows nothing.
func (p *prefixes) leave(place int) {
	if place < 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(place)
	p.free |= 1 << place
}

// forget drops what the server of the place was sent.
func (p *prefixes) forget(place int) {
	if place < 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(place)
}

func (p *prefixes) drop(place int) {
	for _, m := range []map[uint64]uint64{p.young, p.old} {
		for block, servers := range m {
			if servers &^= 1 << place; servers == 0 {
				delete(m, block)
			} else {
				m[block] = servers
			}
		}
	}
}

// known fills in how many blocks of the prompt, from the first on, each place was sent.
func (p *prefixes) known(blocks []uint64, depth *[prefixServers]uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := ^uint64(0)
	for i, b := range blocks[:min(len(blocks), maxPromptBlocks)] {
		servers := p.young[b] | p.old[b]
		for gone := left &^ servers; gone != 0; gone &= gone - 1 {
			depth[bits.TrailingZeros64(gone)] = uint16(i)
		}
		if left &= servers; left == 0 {
			return
		}
	}
	for ; left != 0; left &= left - 1 {
		depth[bits.TrailingZeros64(left)] = uint16(min(len(blocks), maxPromptBlocks))
	}
}

// sent notes that the server of the place gets the prompt.
func (p *prefixes) sent(blocks []uint64, place int) {
	if place < 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range blocks[:min(len(blocks), maxPromptBlocks)] {
		if p.young == nil || len(p.young) >= maxPrefixBlocks {
			p.young, p.old = make(map[uint64]uint64), p.young
		}
		servers, ok := p.young[b]
		if !ok {
			servers = p.old[b]
		}
		p.young[b] = servers | 1<<place
	}
}
