package advise

import "context"

// engine says what statements would cost with indexes that are not there.
type engine interface {
	// learn makes the engine ready for these indexes and statements; knows tells afterwards which indexes it can
	// price, and a statement that it cannot plan has nothing left to explain it.
	learn(ctx context.Context, all []*index, list []*statement) error
	knows(x *index) bool
	// price plans each statement with all indexes of set, and no other that is not there.
	price(ctx context.Context, list []*statement, set []*index) ([]priced, error)
	// about names the engine and how sure it is.
	about() (name, confidence string)
	close(ctx context.Context) error
}

// priced is what an engine says of a statement: cost is what the search goes by, total what the planner says.
type priced struct {
	cost, total float64
	used        []*index
}

// pricesOf reads plans in which the indexes of set have these names.
func pricesOf(plans []node, names []string, set []*index) []priced {
	byName := make(map[string]*index, len(set))
	for i, name := range names {
		byName[name] = set[i]
	}
	out := make([]priced, len(plans))
	for i := range plans {
		out[i].cost, out[i].total = plans[i].cautious(), plans[i].Total
		plans[i].walk(func(n *node) {
			if x := byName[n.Index]; x != nil {
				out[i].used = append(out[i].used, x)
			}
		})
	}
	return out
}
