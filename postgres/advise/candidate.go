package advise

import (
	"cmp"
	"maps"
	"slices"
)

// candidates are the indexes that might serve one usage, the likelier ones first.
func (u *usage) candidates() []*index {
	list := &candidateList{usage: u, seen: map[string]bool{}}
	equal := u.sortable(u.equal)
	// The more distinct values, the fewer rows are left: those first.
	slices.SortStableFunc(equal, func(a, b key) int { return cmp.Compare(u.values(b), u.values(a)) })
	ranges := u.sortable(u.ranges)
	for _, k := range equal {
		list.add(k)
	}
	for _, k := range ranges {
		list.add(k)
	}
	if len(equal) > 1 {
		list.add(equal...)
	}
	for _, r := range ranges {
		list.add(append(slices.Clone(equal[:min(len(equal), 3)]), r)...)
	}
	list.joins(equal, ranges)
	for _, o := range u.orders {
		list.add(o...)
		list.add(append(slices.Clone(equal[:min(len(equal), 2)]), o...)...)
	}
	for _, g := range u.groups {
		list.add(u.sortable(g)...)
		list.add(append(slices.Clone(equal[:min(len(equal), 2)]), u.sortable(g)...)...)
	}
	list.others(ranges)
	return list.found
}

// values are how many an equality tells apart.
func (u *usage) values(k key) float64 {
	if k.column < 0 {
		return u.table.rows / 10
	}
	return u.table.values(k.column)
}

// sortable leaves out what b-trees cannot hold.
func (u *usage) sortable(keys []key) []key {
	return slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return k.column >= 0 && !u.table.columns[k.column].btree })
}

type candidateList struct {
	usage *usage
	seen  map[string]bool
	found []*index
}

// joins adds keys that another relation gives the values of, alone and with what narrows them down.
func (l *candidateList) joins(equal, ranges []key) {
	u := l.usage
	for _, partner := range slices.Sorted(maps.Keys(u.joins)) {
		joined := u.sortable(u.joins[partner])
		if len(joined) == 0 {
			continue
		}
		joined = joined[:min(len(joined), 3)]
		l.add(joined...)
		if len(joined) > 1 {
			backwards := slices.Clone(joined)
			slices.Reverse(backwards)
			l.add(backwards...)
			for _, k := range joined {
				l.add(k)
			}
		}
		for _, e := range equal {
			l.add(append(slices.Clone(joined), e)...)
			l.add(append([]key{e}, joined...)...)
		}
		for _, r := range ranges {
			l.add(append(slices.Clone(joined), r)...)
		}
	}
}

// add adds a b-tree of these keys, and the smallest one by which the table need not be visited.
func (l *candidateList) add(keys ...key) {
	var unique []key
	for _, k := range keys {
		same := func(o key) bool { return o.column == k.column && o.expr == k.expr }
		if !slices.ContainsFunc(unique, same) {
			unique = append(unique, k)
		}
	}
	if len(unique) == 0 || len(unique) > maxKeys {
		return
	}
	u := l.usage
	l.keep(&index{table: u.table, method: "btree", keys: unique, share: 1})
	var rest []int
	for _, i := range slices.Sorted(maps.Keys(u.needed)) {
		if !slices.ContainsFunc(unique, func(k key) bool { return k.column == i }) {
			rest = append(rest, i)
		}
	}
	if len(rest) > 0 && len(rest) <= maxIncluded {
		l.keep(covering(u.table, unique, rest))
	}
	for _, where := range u.always {
		share, ok := u.table.shares[where]
		if !ok || share > 0.9 {
			continue
		}
		l.keep(&index{table: u.table, method: "btree", keys: unique, where: where, share: share})
		if len(rest) > 0 && len(rest) <= maxIncluded {
			x := covering(u.table, unique, rest)
			x.where, x.share = where, share
			l.keep(x)
		}
	}
}

// covering is an index of these keys that has the rest too: as keys, where equal entries then are stored once
// and that is smaller, or else carried along.
func covering(t *table, keys []key, rest []int) *index {
	carried := &index{table: t, method: "btree", keys: keys, include: rest, share: 1}
	appended := &index{table: t, method: "btree", keys: slices.Clone(keys), share: 1}
	for _, i := range rest {
		if !t.columns[i].dedup {
			return carried
		}
		appended.keys = append(appended.keys, key{column: i})
	}
	if appended.estimate() < 0.95*carried.estimate() {
		return appended
	}
	return carried
}

// others adds what is no b-tree.
func (l *candidateList) others(ranges []key) {
	u := l.usage
	for _, c := range u.contains {
		k := c.key
		if k.column >= 0 && k.opclass == "" && u.table.columns[k.column].kind == "jsonb" && c.what == "@>" {
			k.opclass = "jsonb_path_ops"
		}
		l.keep(&index{table: u.table, method: c.method, keys: []key{k}, share: 1})
	}
	for _, r := range ranges {
		if r.column < 0 || r.opclass != "" || u.table.pages < 1024 {
			continue
		}
		if c := u.table.columns[r.column].correlation; c > 0.9 || c < -0.9 {
			l.keep(&index{table: u.table, method: "brin", keys: []key{r}, share: 1})
		}
	}
}

func (l *candidateList) keep(x *index) {
	name := x.definition()
	if l.seen[name] || x.exists() {
		return
	}
	l.seen[name] = true
	l.found = append(l.found, x)
}
