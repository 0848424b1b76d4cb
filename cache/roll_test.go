package cache

import (
	"math/rand/v2"
	"testing"
)

// Rolls hold what maps would, whatever is added and removed, and take no more entries from their slab
// than they held at most.
func TestRoll(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var s slab
		rolls := [2]roll{{slab: &s}, {slab: &s}}
		models := [2]map[uint64]int64{{}, {}}
		most := 0
		for step := range 5000 {
			i := r.IntN(2)
			roll, model := &rolls[i], models[i]
			hash := r.Uint64N(1<<(4+seed%6)) << (8 * (seed % 3)) // some have equal lower bits
			switch n := roll.get(hash); {
			case (n != nil) != (model[hash] != 0) || n != nil && (n.hash != hash || n.expires != model[hash]):
				t.Fatalf("seed %d, step %d: %x is %+v, want %d", seed, step, hash, n, model[hash])
			case r.IntN(200) == 0:
				roll.sift(func(n *imagined) bool { return n.hash%3 == 0 })
				for hash := range model {
					if hash%3 == 0 {
						delete(model, hash)
					}
				}
			case r.IntN(1000) == 0:
				roll.clear()
				clear(model)
			case n == nil:
				*roll.add(hash) = imagined{node: node{hash: hash}, expires: int64(step + 1)}
				model[hash] = int64(step + 1)
			default:
				roll.remove(hash)
				delete(model, hash)
			}
			if roll.len() != len(model) {
				t.Fatalf("seed %d, step %d: holds %d, want %d", seed, step, roll.len(), len(model))
			}
			most = max(most, rolls[0].len()+rolls[1].len())
			if int(s.used) > most {
				t.Fatalf("seed %d, step %d: %d entries taken for %d", seed, step, s.used, most)
			}
		}
	}
}
