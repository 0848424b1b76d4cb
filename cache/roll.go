package cache

// imagined is an entry without a value.
type imagined struct {
	node
	expires int64
}

// chunkNodes is how many imagined entries are allocated together: nearly a page of them.
const chunkNodes = 56

// slab has the imagined entries of several rolls, each at a place that it keeps. What was given back is
// used again, so that all together take what they held together at most.
type slab struct {
	chunks []*[chunkNodes]imagined
	used   uint32
	free   []uint32
}

func (s *slab) at(place uint32) *imagined { return &s.chunks[place/chunkNodes][place%chunkNodes] }

func (s *slab) take() uint32 {
	if last := len(s.free) - 1; last >= 0 {
		place := s.free[last]
		s.free = s.free[:last]
		return place
	}
	if int(s.used) == len(s.chunks)*chunkNodes {
		s.chunks = append(s.chunks, new([chunkNodes]imagined))
	}
	s.used++
	return s.used - 1
}

// roll finds the imagined entries of one cache by the hashes of their keys. It is a table with open
// addressing and takes a tenth of what a map of pointers does. Its keys are chosen by the upper bits of
// their hashes, so the lower ones say where they are.
type roll struct {
	slab *slab
	// index has places, plus one; zero is none.
	index []uint32
	count int
}

const leastIndex = 16

func (r *roll) len() int { return r.count }

// slot is where a hash is in the index, or where it would be.
func (r *roll) slot(hash uint64) int {
	mask := len(r.index) - 1
	at := int(hash) & mask
	for r.index[at] != 0 && r.slab.at(r.index[at]-1).hash != hash {
		at = (at + 1) & mask
	}
	return at
}

// get returns the entry of a hash, or nil.
func (r *roll) get(hash uint64) *imagined {
	if r.count == 0 {
		return nil
	}
	place := r.index[r.slot(hash)]
	if place == 0 {
		return nil
	}
	return r.slab.at(place - 1)
}

// add returns the entry of a hash that has none; it holds what was there before.
func (r *roll) add(hash uint64) *imagined {
	if 4*(r.count+1) > 3*len(r.index) {
		r.resize(max(2*len(r.index), leastIndex))
	}
	place := r.slab.take()
	r.index[r.slot(hash)] = place + 1
	r.count++
	return r.slab.at(place)
}

// remove gives the entry of a hash back; its contents stay until it is used again.
func (r *roll) remove(hash uint64) {
	if r.count == 0 {
		return
	}
	at := r.slot(hash)
	if r.index[at] == 0 {
		return
	}
	r.slab.free = append(r.slab.free, r.index[at]-1)
	r.count--
	mask := len(r.index) - 1
	for next := (at + 1) & mask; r.index[next] != 0; next = (next + 1) & mask {
		// One that is not found any more beyond a free slot moves there.
		if home := int(r.slab.at(r.index[next]-1).hash) & mask; (next-home)&mask >= (next-at)&mask {
			r.index[at] = r.index[next]
			at = next
		}
	}
	r.index[at] = 0
	if len(r.index) > leastIndex && 8*r.count < len(r.index) {
		r.resize(len(r.index) / 4)
	}
}

func (r *roll) resize(slots int) {
	old := r.index
	r.index = make([]uint32, max(slots, leastIndex))
	for _, place := range old {
		if place != 0 {
			r.index[r.slot(r.slab.at(place-1).hash)] = place
		}
	}
}

// sift removes the entries that drop says, which is called for each.
func (r *roll) sift(drop func(n *imagined) bool) {
	var gone []uint64
	for _, place := range r.index {
		if place != 0 {
			if n := r.slab.at(place - 1); drop(n) {
				gone = append(gone, n.hash)
			}
		}
	}
	for _, hash := range gone {
		r.remove(hash)
	}
}

// clear gives all entries back.
func (r *roll) clear() {
	r.sift(func(*imagined) bool { return true })
}
