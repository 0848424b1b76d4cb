package sim

import "container/list"

// prefixCache holds blocks of prompts. Those of running sequences are held in place and
// shared; of the others those used longest ago leave first.
type prefixCache struct {
	blocks map[uint64]*block
	idle   *list.List // of *block
}

type block struct {
	id    uint64
	users int
	at    *list.Element // while idle
}

func newPrefixCache() prefixCache {
	return prefixCache{map[uint64]*block{}, list.New()}
}

// hold pins the blocks of a prompt and returns how many from the first on were known, and
// how many are new.
func (p *prefixCache) hold(blocks []uint64) (known, fresh int) {
	for i, id := range blocks {
		b := p.blocks[id]
		switch {
		case b == nil:
			b = &block{id: id}
			p.blocks[id] = b
			fresh++
		case b.at != nil:
			p.idle.Remove(b.at)
			b.at = nil
		}
		if known == i && fresh == 0 {
			known++
		}
		b.users++
	}
	return known, fresh
}

// release lets go of the blocks; they stay until their room is needed, the last of a prompt
// leaving first.
func (p *prefixCache) release(blocks []uint64) {
	for i := len(blocks) - 1; i >= 0; i-- {
		b := p.blocks[blocks[i]]
		if b.users--; b.users == 0 {
			b.at = p.idle.PushFront(b)
		}
	}
}

// shrink drops idle blocks until all blocks fit into the room, in tokens.
func (p *prefixCache) shrink(room int) {
	for len(p.blocks)*BlockTokens > room && p.idle.Len() > 0 {
		b := p.idle.Remove(p.idle.Back()).(*block)
		delete(p.blocks, b.id)
	}
}

// pinned is how many tokens cannot be dropped.
func (p *prefixCache) pinned() int { return (len(p.blocks) - p.idle.Len()) * BlockTokens }
