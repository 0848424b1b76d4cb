package contest

import "container/heap"

// gdsf is GreedyDual-Size-Frequency (Cherkasova 1998) by the book: what leaves is what has the
// least price × uses / bytes, on top of a clock that is the least that has left.
type gdsf struct {
	maximum, held int64
	clock         float64
	entries       map[string]*ranked
	order         ranking
}

// ranked is an entry in its place of the ranking.
type ranked struct {
	key   string
	item  Item
	uses  float64
	rank  float64
	place int
}

func bookGDSF(maximum int64, _ bool) (Cache, error) {
	g := &gdsf{maximum: maximum, entries: map[string]*ranked{}}
	return Cache{Get: g.get, Put: g.put, Close: nothing}, nil
}

func (g *gdsf) get(key string) bool {
	e := g.entries[key]
	if e == nil {
		return false
	}
	e.uses++
	e.rank = g.rank(e)
	heap.Fix(&g.order, e.place)
	return true
}

func (g *gdsf) rank(e *ranked) float64 {
	return g.clock + e.item.Price*e.uses/float64(e.item.Bytes)
}

func (g *gdsf) put(key string, of Item) {
	for g.held > g.maximum-of.Bytes {
		e := heap.Pop(&g.order).(*ranked)
		g.clock = e.rank
		g.held -= e.item.Bytes
		delete(g.entries, e.key)
	}
	e := &ranked{key: key, item: of, uses: 1}
	e.rank = g.rank(e)
	g.held += of.Bytes
	g.entries[key] = e
	heap.Push(&g.order, e)
}

// ranking is a heap with the least rank first.
type ranking []*ranked

func (r ranking) Len() int           { return len(r) }
func (r ranking) Less(i, j int) bool { return r[i].rank < r[j].rank }
func (r ranking) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].place, r[j].place = i, j
}

func (r *ranking) Push(x any) {
	e := x.(*ranked)
	e.place = len(*r)
	*r = append(*r, e)
}

func (r *ranking) Pop() any {
	e := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return e
}
