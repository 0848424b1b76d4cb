package advise

import (
	"slices"
	"strings"
)

// key is a key of an index: a column by its position in the table, or an expression.
type key struct {
	column  int // -1: expr
	expr    string
	desc    bool
	first   bool // NULLS FIRST where that is not the direction's own
	opclass string
}

// usage is what one statement asks of one table under one alias.
type usage struct {
	alias string
	table *table
	// equal have one value, or few, that are known when the statement starts; ranges have bounds.
	equal, ranges []key
	// joins are keys that another relation gives the values of, by its alias.
	joins map[string][]key
	// contains are asked by operators of other index methods.
	contains []containment
	// orders and groups are by this table's columns alone.
	orders, groups [][]key
	// needed are the columns that an index would have to have for the table not to be visited.
	needed map[int]bool
	// always are conditions without values of a caller, which could bound an index.
	always []string
	// scan is the node that reads the table now; rows come out of it, at this cost.
	scan       string
	rows, cost float64
	// partners are the rows of the relations that give the values of joins.
	partners map[string]float64
}

// containment is a condition that b-trees do not serve.
type containment struct {
	key    key
	method string
	what   string // the operator as people know it
}

// usages reads what a plan asks of each table in it.
func usages(plan node, tables map[[2]string]*table) []*usage {
	r := usageReader{byAlias: map[string]*usage{}}
	plan.walk(func(n *node) {
		t := tables[[2]string{n.Schema, n.Relation}]
		if t == nil || n.Alias == "" || r.byAlias[n.Alias] != nil {
			return
		}
		u := &usage{alias: n.Alias, table: t, joins: map[string][]key{}, needed: map[int]bool{}, scan: n.Type, rows: n.Rows, cost: n.Total}
		r.byAlias[n.Alias] = u
		r.all = append(r.all, u)
	})
	r.read(&plan, true)
	for _, u := range r.all {
		u.partners = map[string]float64{}
		for partner := range u.joins {
			u.partners[partner] = r.byAlias[partner].rows
		}
	}
	return r.all
}

type usageReader struct {
	byAlias map[string]*usage
	all     []*usage
}

func (r *usageReader) read(n *node, root bool) {
	u := r.byAlias[n.Alias]
	// A scan that nothing else needs computed hands on whole rows: that says nothing of what is needed.
	if whole := u != nil && !root && len(n.Output) >= len(u.table.columns); !whole {
		for _, o := range n.Output {
			r.need(parseExpr(o))
		}
	}
	for _, c := range n.conditions() {
		e := parseExpr(c)
		r.need(e)
		for _, part := range e.conjuncts() {
			r.condition(part)
		}
	}
	if keys := r.keys(n.SortKey); keys != nil {
		keys.usage.orders = append(keys.usage.orders, keys.list)
	}
	if keys := r.keys(n.GroupKey); keys != nil {
		keys.usage.groups = append(keys.usage.groups, keys.list)
	}
	for i := range n.Plans {
		r.read(&n.Plans[i], false)
	}
}

func (r *usageReader) need(e expr) {
	e.walk(func(e expr) {
		if u := r.byAlias[e.alias]; u != nil && e.kind == isColumn {
			if i := u.table.find(e.name); i >= 0 {
				u.needed[i] = true
			}
		}
	})
}

// condition notes one that must hold.
func (r *usageReader) condition(e expr) {
	switch e.kind {
	case isOr:
		for _, branch := range e.args {
			for _, part := range branch.conjuncts() {
				r.condition(part)
			}
		}
		return
	case isNull, isNotNull:
		if u, k, ok := r.key(e.args[0]); ok {
			u.always = add(u.always, e.text)
			if e.kind == isNull {
				u.equal = addKey(u.equal, k)
			}
		}
		return
	case isColumn: // a boolean
		if u, k, ok := r.key(e); ok {
			u.always = add(u.always, e.text)
			u.equal = addKey(u.equal, k)
		}
		return
	case isNot:
		if u, k, ok := r.key(e.args[0]); ok && e.args[0].kind == isColumn {
			u.always = add(u.always, "NOT "+e.args[0].text)
			u.equal = addKey(u.equal, k)
		}
		return
	case isOperator, isAny:
		r.comparison(e)
	}
}

// comparison notes one of a key with a value or with another relation.
func (r *usageReader) comparison(e expr) {
	left, right := r.aliases(e.args[0]), r.aliases(e.args[1])
	if len(left) == 1 && slices.Equal(left, right) && onlyColumns(e) {
		u := r.byAlias[left[0]] // one column with another of the same row
		u.always = add(u.always, e.text)
		return
	}
	if u, k, ok := r.key(e.args[0]); ok && !slices.Contains(right, u.alias) {
		u.compare(k, e.name, e.kind == isAny, e.args[1], right)
	}
	if u, k, ok := r.key(e.args[1]); ok && e.kind == isOperator && !slices.Contains(left, u.alias) {
		u.compare(k, mirrored(e.name), false, e.args[0], left)
	}
}

func (u *usage) compare(k key, operator string, list bool, other expr, partners []string) {
	switch operator {
	case "=":
		if list || len(partners) == 0 {
			u.equal = addKey(u.equal, k)
			return
		}
		for _, partner := range partners {
			u.joins[partner] = addKey(u.joins[partner], k)
		}
	case "<", "<=", ">", ">=":
		u.ranges = addKey(u.ranges, k)
	case "~~", "~~*":
		pattern := strings.TrimLeft(other.text, "('")
		if operator == "~~" && other.kind == isConstant && pattern != "" && !strings.ContainsAny(pattern[:1], "%_\\") {
			prefix := k
			prefix.opclass = u.patternClass(k)
			u.ranges = addKey(u.ranges, prefix)
			return
		}
		k.opclass = "gin_trgm_ops"
		u.contains = append(u.contains, containment{key: k, method: "gin", what: "LIKE with a pattern that begins with anything"})
	case "@>", "<@", "?", "?|", "?&", "&&", "@?":
		u.contains = append(u.contains, containment{key: k, method: "gin", what: operator})
	case "@@":
		u.contains = append(u.contains, containment{key: k, method: "gin", what: "full text search"})
	}
}

// patternClass is the operator class that serves a prefix in any collation.
func (u *usage) patternClass(k key) string {
	if k.column >= 0 {
		switch u.table.columns[k.column].kind {
		case "character":
			return "bpchar_pattern_ops"
		case "character varying":
			return "varchar_pattern_ops"
		}
	}
	return "text_pattern_ops"
}

// key returns the relation and key that an operand is, when it is one: a column, or something computed from
// columns of one relation alone.
func (r *usageReader) key(e expr) (*usage, key, bool) {
	for e.kind == isCast && e.name == "text" && e.args[0].kind == isColumn { // varchar to text costs nothing
		u := r.byAlias[e.args[0].alias]
		if u == nil {
			return nil, key{}, false
		}
		i := u.table.find(e.args[0].name)
		if i < 0 || u.table.columns[i].kind != "character varying" {
			break
		}
		e = e.args[0]
	}
	aliases := r.aliases(e)
	if len(aliases) != 1 {
		return nil, key{}, false
	}
	u := r.byAlias[aliases[0]]
	if e.kind == isColumn {
		i := u.table.find(e.name)
		return u, key{column: i}, i >= 0
	}
	if e.kind != isFunction && e.kind != isOperator && e.kind != isCast || unfit(e) {
		return nil, key{}, false
	}
	return u, key{column: -1, expr: e.text}, true
}

// aggregates are functions over many rows; the plan names them where it sorts or filters groups.
var aggregates = []string{
	"sum", "count", "avg", "min", "max", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg",
	"bool_and", "bool_or", "every", "bit_and", "bit_or", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp",
	"corr", "mode", "percentile_cont", "percentile_disc", "row_number", "rank", "dense_rank", "lag", "lead", "first_value", "last_value",
}

// unfit reports whether an expression has parts that no index can have.
func unfit(e expr) bool {
	found := false
	e.walk(func(e expr) {
		found = found || e.kind == isParameter || e.kind == isAny || e.kind == isColumn && e.alias == "" && strings.HasSuffix(e.text, "SubPlan") ||
			e.kind == isFunction && slices.Contains(aggregates, e.name)
	})
	return found
}

// aliases are the relations in an expression, each once; "" stands for what is not a table.
func (r *usageReader) aliases(e expr) []string {
	var found []string
	e.walk(func(e expr) {
		if e.kind == isColumn && r.byAlias[e.alias] != nil {
			found = add(found, e.alias)
		}
	})
	return found
}

func onlyColumns(e expr) bool {
	only := true
	e.walk(func(e expr) { only = only && e.kind != isParameter && e.kind != isConstant })
	return only
}

type sortedKeys struct {
	usage *usage
	list  []key
}

// keys reads a sort or group key when all of it is one relation's.
func (r *usageReader) keys(list []string) *sortedKeys {
	found := &sortedKeys{}
	for _, text := range list {
		nullsFirst, nullsLast := strings.HasSuffix(text, " NULLS FIRST"), strings.HasSuffix(text, " NULLS LAST")
		text = strings.TrimSuffix(strings.TrimSuffix(text, " NULLS FIRST"), " NULLS LAST")
		desc := strings.HasSuffix(text, " DESC")
		u, k, ok := r.key(parseExpr(strings.TrimSuffix(text, " DESC")))
		if !ok || found.usage != nil && found.usage != u {
			return nil
		}
		k.desc, k.first = desc, !desc && nullsFirst || desc && !nullsLast
		found.usage, found.list = u, append(found.list, k)
	}
	if found.usage == nil || len(found.list) > maxKeys {
		return nil
	}
	return found
}

func mirrored(operator string) string {
	switch operator {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	case "@>":
		return "<@"
	case "=", "&&":
		return operator
	}
	return ""
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func addKey(list []key, k key) []key {
	if slices.Contains(list, k) {
		return list
	}
	return append(list, k)
}
