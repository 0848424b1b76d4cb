package advise

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// What a B-tree page is made of, in bytes.
const (
	pageHeader  = 24
	pageSpecial = 16
	linePointer = 4
	tupleHeader = 8
	pointer     = 6 // to a row
	pageSpare   = pageBytes / 10
	// maxPosting is the largest tuple that a build makes of equal keys.
	maxPosting = pageBytes/10/8*8 - linePointer
)

// size estimates the bytes of an index right after it was built.
func (x *index) estimate() float64 {
	switch x.method {
	case "gin":
		return x.ginBytes()
	case "brin":
		return x.brinBytes()
	}
	rows := x.rows()
	if rows < 1 {
		return 2 * pageBytes
	}
	tuple := x.tupleBytes()
	leaf := rows * (tuple + linePointer)
	if x.dedup() {
		leaf = x.dedupBytes(rows, tuple)
	}
	// A page is full when less than the spare is left; half a tuple is lost on average, and one key more is
	// the page's bound.
	room := pageBytes - pageHeader - pageSpecial - pageSpare - math.Min(tuple, 64) - linePointer
	pages := math.Ceil(leaf / room)
	total, level := pages, pages
	fanout := math.Floor((pageBytes - pageHeader - pageSpecial) * 0.7 / (math.Min(tuple, 64) + linePointer))
	for level > 1 {
		level = math.Ceil(level / math.Max(2, fanout))
		total += level
	}
	return (total + 1) * pageBytes
}

// height is the number of levels above the leaves.
func (x *index) height() int {
	fanout := math.Max(2, math.Floor((pageBytes-pageHeader-pageSpecial)*0.7/(math.Min(x.tupleBytes(), 64)+linePointer)))
	height := 0
	for level := math.Ceil(x.size / pageBytes); level > 1; level = math.Ceil(level / fanout) {
		height++
	}
	return height
}

// rows are the table's that the index has.
func (x *index) rows() float64 { return x.table.rows * x.share }

// columns are the positions of all columns in the index; ok is false with an expression among the keys.
func (x *index) columnList() (list []int, ok bool) {
	ok = true
	for _, k := range x.keys {
		if k.column < 0 {
			ok = false
			continue
		}
		list = append(list, k.column)
	}
	return append(list, x.include...), ok
}

// tupleBytes is the mean size of an entry of its own.
func (x *index) tupleBytes() float64 {
	if columns, plain := x.columnList(); plain {
		if bytes, ok := x.table.sampledTuple(columns); ok {
			return bytes
		}
	}
	at := float64(tupleHeader)
	for _, k := range x.keys {
		if k.column < 0 {
			at = align(at, 4) + cmp.Or(x.table.widths[k.expr], expressionBytes)
			continue
		}
		at = x.table.columns[k.column].after(at)
	}
	for _, i := range x.include {
		at = x.table.columns[i].after(at)
	}
	return align(at, 8)
}

// sampledTuple is the mean size of an entry of these columns in the sample, which tells more than the mean size of
// each column: entries are aligned, and one with a null has a longer header.
func (t *table) sampledTuple(columns []int) (bytes float64, ok bool) {
	s := t.sample
	if s == nil || len(s.hashes) == 0 {
		return 0, false
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(s.order, c); at[i] < 0 {
			return 0, false
		}
	}
	name := fmt.Sprint(at)
	if bytes, ok := s.tuples[name]; ok {
		return bytes, true
	}
	step := len(s.order)
	n := len(s.sizes) / step
	for row := range n {
		end := float64(tupleHeader)
		for i, k := range at {
			size := float64(s.sizes[row*step+k])
			if size == 0 {
				end = math.Max(end, 2*tupleHeader) // an approximation: its place matters little
				continue
			}
			if c := &t.columns[columns[i]]; c.length > 0 {
				end = align(end, c.alignment())
			}
			end += size
		}
		bytes += align(end, 8)
	}
	s.tuples[name] = bytes / float64(n)
	return s.tuples[name], true
}

const expressionBytes = 12.0 // of a value computed, when nothing is known of it

// after returns where a value of c ends that is put behind at bytes.
func (c *column) after(at float64) float64 {
	if c.length > 0 {
		return align(at, c.alignment()) + float64(c.length)*(1-c.nulls)
	}
	return at + c.width*(1-c.nulls) // short values are not aligned
}

// alignment is that of values of fixed size, in bytes.
func (c *column) alignment() float64 {
	switch c.align {
	case 's':
		return 2
	case 'i':
		return 4
	case 'd':
		return 8
	}
	return 1
}

func align(at, to float64) float64 { return math.Ceil(at/to) * to }

// dedup tells whether equal entries share one key: every key's operator class must allow it, and nothing may
// be carried along.
func (x *index) dedup() bool {
	return len(x.include) == 0 && !slices.ContainsFunc(x.keys, func(k key) bool {
		return k.column >= 0 && !x.table.columns[k.column].dedup
	})
}

// dedupBytes are those of all entries when equal ones share their key in posting lists.
func (x *index) dedupBytes(rows, tuple float64) float64 {
	g := x.groups(rows)
	bytes := 0.0
	scale := rows / math.Max(1, x.table.rows)
	for _, h := range g.heavy {
		h = math.Max(1, h*scale)
		bytes += postingBytes(h, tuple)
		rows -= h
	}
	others := g.distinct - float64(len(g.heavy))
	if rows <= 0 || others <= 0 {
		return bytes
	}
	return bytes + others*spreadBytes(math.Max(1, rows/others), tuple)
}

// postingBytes are those of n equal entries.
func postingBytes(n, tuple float64) float64 {
	if n < 2 {
		return tuple + linePointer
	}
	most := math.Floor((maxPosting - tuple) / pointer) // pointers in one list
	if most < 2 {
		return n * (tuple + linePointer)
	}
	full := math.Floor(n / most)
	bytes := full * (align(tuple+most*pointer, 8) + linePointer)
	if rest := n - full*most; rest >= 2 {
		bytes += align(tuple+rest*pointer, 8) + linePointer
	} else if rest >= 1 {
		bytes += tuple + linePointer
	}
	return bytes
}

// spreadBytes is the mean of postingBytes where rows fall on keys by chance, mean rows on each key that has
// any: a Poisson number that is not zero.
func spreadBytes(mean, tuple float64) float64 {
	if mean > 60 {
		return postingBytes(mean, tuple)
	}
	if mean < 1.0001 {
		return tuple + linePointer
	}
	lambda := mean - 1
	for range 50 { // mean = lambda / (1 - exp(-lambda))
		lambda = mean * -math.Expm1(-lambda)
	}
	p, bytes, sum := lambda*math.Exp(-lambda), 0.0, 0.0
	for k := 1.0; k < 200; k++ {
		bytes += p * postingBytes(k, tuple)
		sum += p
		p *= lambda / (k + 1)
	}
	return bytes / sum
}

// groups tells how rows fall into equal keys: counted in a sample where there is one, otherwise from what
// each column says, as if they were independent.
func (x *index) groups(rows float64) groups {
	columns, plain := x.columnList()
	if !plain {
		return groups{distinct: math.Max(1, rows/10)} // nothing is known of what is computed
	}
	clustered := x.table.clustered(columns)
	if len(columns) == 1 {
		g := x.table.single(columns[0])
		// ANALYZE takes values that stand side by side for rarer than they are.
		if s, ok := x.table.sample.groups(columns, true); ok && clustered {
			g.distinct = math.Max(g.distinct, s.distinct)
		}
		return g
	}
	if g, ok := x.table.sample.groups(columns, clustered); ok {
		for _, i := range columns {
			g.distinct = math.Max(g.distinct, x.table.values(i))
		}
		return g
	}
	product := 1.0
	var names []string
	for _, i := range columns {
		product = math.Min(product*x.table.values(i), 1e18)
		names = append(names, x.table.columns[i].name)
	}
	slices.Sort(names)
	g := groups{distinct: math.Min(product, x.table.rows)}
	if most, ok := x.table.referencedMax[strings.Join(names, ",")]; ok {
		g.distinct = math.Min(g.distinct, most)
	}
	return g
}

// clustered tells whether rows that are equal in these columns stand side by side: one of them is in the
// order of the table and has few rows to a value.
func (t *table) clustered(columns []int) bool {
	perPage := t.rows / math.Max(1, t.pages)
	return slices.ContainsFunc(columns, func(i int) bool {
		return math.Abs(t.columns[i].correlation) > 0.95 && t.rows/t.values(i) < perPage
	})
}

// single is what pg_stats says of one column.
func (t *table) single(i int) groups {
	g := groups{distinct: t.values(i), width: t.columns[i].width, nulls: t.columns[i].nulls}
	for _, share := range t.columns[i].common {
		if rows := share * t.rows; rows > 2 {
			g.heavy = append(g.heavy, rows)
		}
	}
	if nulls := t.columns[i].nulls * t.rows; nulls >= 1 {
		g.heavy = append(g.heavy, nulls)
		g.distinct++
	}
	g.distinct = math.Max(g.distinct, float64(len(g.heavy)))
	return g
}

// ginBytes is a rough one: a key and a list of rows for each item, packed.
func (x *index) ginBytes() float64 {
	items := 8.0
	if k := x.keys[0]; k.column >= 0 {
		width := x.table.columns[k.column].width
		items = math.Max(2, width/8)
		if k.opclass == "gin_trgm_ops" {
			items = math.Max(3, width)
		}
	}
	return x.rows()*items*2.2 + 16*pageBytes
}

// brinBytes is one summary for 128 pages, and a map of them.
func (x *index) brinBytes() float64 {
	return (3 + math.Ceil(x.table.pages/128*40/float64(pageBytes-pageHeader))) * pageBytes
}
