package advise

import "math"

// What one more entry costs a writer, on a server that keeps the index in memory: measured with B-trees on
// integers and dates, a batch of rows at a time.
const (
	entrySeconds = 2.5e-6 // to descend, to write the entry and its log
	byteSeconds  = 15e-9  // for each byte of it
	missSeconds  = 1.5e-6 // and where it goes to a page that was not the last one written
)

// writeSeconds is what writers would pay for x in a day: one entry for each row that is inserted, and for each
// update that cannot stay on its page without touching an index. Deletes leave the entry to vacuum.
func (x *index) writeSeconds() float64 {
	w := x.table.writes
	entries := w.inserted + math.Max(0, w.updated-w.hot)
	return entries * x.share * x.entryCost()
}

func (x *index) entryCost() float64 {
	per := 1.0
	if x.method == "gin" {
		per = 8
	}
	if x.method == "brin" {
		per = 0.05
	}
	cost := entrySeconds + x.tupleBytes()*byteSeconds
	if k := x.keys[0]; k.column < 0 || math.Abs(x.table.columns[k.column].correlation) < 0.9 {
		cost += missSeconds * math.Log2(1+x.size/(8<<20))
	}
	return per * cost
}
