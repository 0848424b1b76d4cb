package advise

import (
	"context"
	"math"

	"github.com/sentientcore/upshift/postgres"
)

// structural prices without a planner: it takes a statement's plan as it is and figures what each scan of a
// table would cost by the best index of a set, from the table's statistics. Joins keep their order, so it
// sees less than a planner would, and a join may turn into a loop over the index where the other side is small.
type structural struct {
	randomPage float64
}

// Costs of the planner's model, as they are set by default.
const (
	indexTupleCost = 0.005
	tupleCost      = 0.01
	operatorCost   = 0.0025
)

func (m *structural) learn(context.Context, []*index, []*statement) error { return nil }

func (m *structural) knows(*index) bool { return true }

func (m *structural) about() (name, confidence string) {
	return "structural model", postgres.ConfidenceStructural
}

func (m *structural) close(context.Context) error { return nil }

func (m *structural) price(_ context.Context, list []*statement, set []*index) ([]priced, error) {
	out := make([]priced, len(list))
	for i, st := range list {
		cost := st.cost
		for _, u := range st.usages {
			best, by := u.cost, (*index)(nil)
			for _, x := range set {
				if x.table != u.table {
					continue
				}
				if c := m.access(u, x); c < best {
					best, by = c, x
				}
			}
			if by != nil {
				cost -= u.cost - best
				out[i].used = append(out[i].used, by)
			}
		}
		out[i].cost = math.Max(cost, 0.01*st.cost)
	}
	return out, nil
}

// access is what reading u's rows by x would cost; infinite when x does not help.
func (m *structural) access(u *usage, x *index) float64 {
	if u.scan != "Seq Scan" || x.method == "btree" && x.keys[0].column < 0 && !has(u.equal, x.keys[0]) && !has(u.ranges, x.keys[0]) {
		return math.Inf(1)
	}
	t := u.table
	if x.method != "btree" {
		for _, c := range u.contains {
			if c.key.column == x.keys[0].column && c.key.expr == x.keys[0].expr {
				return m.fetch(t, math.Max(u.rows, t.rows*0.005), 0) + 50
			}
		}
		return math.Inf(1)
	}
	share, matched, loops := 1.0, false, 1.0
	for _, k := range x.keys {
		givers := u.joined(k)
		if has(u.ranges, k) && !has(u.equal, k) {
			share = math.Min(share, math.Max(u.rows/math.Max(t.rows, 1), share*0.005))
			matched = true
			break // what comes after a range does not narrow it down
		}
		if !has(u.equal, k) && givers == 0 {
			break
		}
		loops = math.Max(loops, givers)
		share /= math.Max(1, u.values(k))
		matched = true
	}
	if !matched {
		return math.Inf(1)
	}
	rows := t.rows * share
	if loops == 1 {
		rows = math.Max(rows, u.rows)
	}
	descent := float64(x.height()+1) * 50 * operatorCost
	leaves := math.Max(1, x.size/pageBytes*rows/math.Max(t.rows, 1)) * m.randomPage
	cost := descent + leaves + rows*(indexTupleCost+operatorCost)
	if !u.coveredBy(x) {
		correlation := 0.0
		if c := x.keys[0].column; c >= 0 {
			correlation = t.columns[c].correlation
		}
		cost += m.fetch(t, rows, correlation)
	}
	return cost * loops
}

// fetch is the cost of rows of t in the order of an index: between one page for each (Mackert and Lohman 1989,
// all pages kept) and the pages that they fill, by how far the orders agree.
func (m *structural) fetch(t *table, rows, correlation float64) float64 {
	pages := math.Max(1, t.pages)
	apart := math.Min(2*pages*rows/(2*pages+rows), pages)
	together := math.Max(1, rows/math.Max(t.rows, 1)*pages)
	c := correlation * correlation
	return (c*together+(1-c)*apart)*m.randomPage + rows*(tupleCost+operatorCost)
}

func has(list []key, k key) bool {
	for _, o := range list {
		if o.column == k.column && o.expr == k.expr {
			return true
		}
	}
	return false
}

// joined is how many rows ask for a key, by the smallest relation that gives its values; 0 when none does.
func (u *usage) joined(k key) float64 {
	least := 0.0
	for partner, keys := range u.joins {
		if has(keys, k) && (least == 0 || u.partners[partner] < least) {
			least = math.Max(1, u.partners[partner])
		}
	}
	return least
}

// coveredBy reports whether x has all that u needs.
func (u *usage) coveredBy(x *index) bool {
	columns, plain := x.columnList()
	for i := range u.needed {
		found := false
		for _, c := range columns {
			found = found || c == i
		}
		if !found {
			return false
		}
	}
	return plain
}
