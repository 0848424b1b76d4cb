package capture

import (
	"cmp"
	"slices"

	"github.com/google/pprof/profile"
)

// Flamegraph is a profile as a tree of calls.
type Flamegraph struct {
	// Sample is what is measured, Unit its unit; Samples are all that the profile has.
	Sample  string   `json:"sample"`
	Unit    string   `json:"unit"`
	Samples []string `json:"samples"`
	// Total is the value of all samples.
	Total int64 `json:"total"`
	// Nodes begins with the root; a node stands after its parent, and siblings by value, greatest
	// first.
	Nodes []Node `json:"nodes"`
	// Pruned is how many of the smallest nodes were left out.
	Pruned int `json:"pruned"`
}

// Node is one function as it was called from its parent.
type Node struct {
	Name string `json:"name"`
	// Parent is the place of the caller in Nodes; -1 for the root.
	Parent int `json:"parent"`
	// Value is what was measured in the function and what it calls, Self in the function alone.
	Value int64 `json:"value"`
	Self  int64 `json:"self"`
}

const rootName = "all"

// NewFlamegraph folds p into a tree of at most maxNodes nodes; zero or less means all. sample is one
// of p's; empty is its default. An unknown one is a [*RequestError].
func NewFlamegraph(p *profile.Profile, sample string, maxNodes int) (Flamegraph, error) {
	index, err := valueIndex(p, sample)
	if err != nil {
		return Flamegraph{}, err
	}
	g := Flamegraph{Sample: p.SampleType[index].Type, Unit: p.SampleType[index].Unit, Samples: sampleNames(p)}
	nodes := fold(p, index)
	g.Total = nodes[0].Value
	g.Nodes = inOrder(nodes, greatest(nodes, maxNodes))
	g.Pruned = len(nodes) - len(g.Nodes)
	return g, nil
}

// fold adds the samples up by stack. Nodes stand after their parents, in no other order.
func fold(p *profile.Profile, index int) []Node {
	names := numbered{by: map[string]uint32{}, of: map[*profile.Location][]uint32{}}
	nodes := []Node{{Name: rootName, Parent: -1}}
	at := map[uint64]int{} // by parent and name
	for _, s := range p.Sample {
		v := s.Value[index]
		if v <= 0 {
			continue
		}
		now := 0
		nodes[0].Value += v
		for i := len(s.Location) - 1; i >= 0; i-- {
			for _, name := range names.frames(s.Location[i]) {
				key := uint64(now)<<32 | uint64(name)
				next, known := at[key]
				if !known {
					next = len(nodes)
					at[key] = next
					nodes = append(nodes, Node{Name: names.list[name], Parent: now})
				}
				nodes[next].Value += v
				now = next
			}
		}
		nodes[now].Self += v
	}
	return nodes
}

// numbered gives each name a number, which a map finds faster.
type numbered struct {
	list []string
	by   map[string]uint32
	of   map[*profile.Location][]uint32
}

// frames are the calls at a location, outermost first.
func (n *numbered) frames(l *profile.Location) []uint32 {
	if known, ok := n.of[l]; ok {
		return known
	}
	var found []uint32
	for j := max(len(l.Line)-1, 0); j >= 0; j-- { // the innermost inlined call stands first
		name := lineName(l.Line, j)
		id, ok := n.by[name]
		if !ok {
			id = uint32(len(n.list))
			n.by[name] = id
			n.list = append(n.list, name)
		}
		found = append(found, id)
	}
	n.of[l] = found
	return found
}

// lineName is the name of the j-th line, also of a location that has none.
func lineName(lines []profile.Line, j int) string {
	if j >= len(lines) {
		return unknownName
	}
	return frame(lines[j])
}

// greatest tells which limit nodes have the greatest values; zero or less means all. A parent is never
// smaller than its child and stands before it, so none is lost above one that stays.
func greatest(nodes []Node, limit int) []bool {
	keep := make([]bool, len(nodes))
	least, room := int64(-1), len(nodes)
	if limit > 0 && len(nodes) > limit {
		values := make([]int64, len(nodes))
		for i, node := range nodes {
			values[i] = node.Value
		}
		slices.Sort(values)
		least, room = values[len(values)-limit], limit
	}
	for _, node := range nodes {
		if node.Value > least {
			room--
		}
	}
	for i, node := range nodes { // what room the greater ones leave is for the first of the least
		if keep[i] = node.Value > least; node.Value == least && room > 0 {
			keep[i] = true
			room--
		}
	}
	return keep
}

// inOrder returns the nodes to keep, each after its parent, siblings by value.
func inOrder(nodes []Node, keep []bool) []Node {
	children := make([][]int, len(nodes))
	for i, node := range nodes[1:] {
		if keep[i+1] {
			children[node.Parent] = append(children[node.Parent], i+1)
		}
	}
	type step struct{ node, parent int }
	out := make([]Node, 0, len(nodes))
	for todo := []step{{0, -1}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		node := nodes[s.node]
		node.Parent = s.parent
		out = append(out, node)
		next := children[s.node]
		slices.SortFunc(next, func(a, b int) int { // the last is taken off first
			return cmp.Or(cmp.Compare(nodes[a].Value, nodes[b].Value), cmp.Compare(nodes[b].Name, nodes[a].Name))
		})
		for _, n := range next {
			todo = append(todo, step{n, len(out) - 1})
		}
	}
	return out
}
