package trace

import "container/heap"

// Optimum is the hits of Belady's optimum with bypass for a cache of size entries: it knows the
// future, keeps what is used soonest, and need not take what it is given. No cache has more.
func Optimum(t Trace, size int) int {
	const never = int(^uint(0) >> 1)
	next, last := make([]int, len(t.Keys)), make([]int, t.Distinct)
	for i := range last {
		last[i] = never
	}
	for i := len(t.Keys) - 1; i >= 0; i-- {
		next[i] = last[t.Keys[i]]
		last[t.Keys[i]] = i
	}
	until := make([]int, t.Distinct) // when a key that is held is used next; zero: it is not held
	held, hits := 0, 0
	var far farthest
	for i, k := range t.Keys {
		if until[k] != 0 {
			hits++
			held--
		}
		until[k] = 0
		if next[i] == never {
			continue
		}
		until[k] = next[i]
		held++
		heap.Push(&far, use{next[i], k})
		for held > size {
			if u := heap.Pop(&far).(use); until[u.key] == u.at {
				until[u.key] = 0
				held--
			}
		}
	}
	return hits
}

// use is when a key is used next.
type use struct {
	at  int
	key uint32
}

// farthest is a heap with the latest use first.
type farthest []use

func (f farthest) Len() int           { return len(f) }
func (f farthest) Less(i, j int) bool { return f[i].at > f[j].at }
func (f farthest) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *farthest) Push(x any)        { *f = append(*f, x.(use)) }
func (f *farthest) Pop() any {
	u := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return u
}
