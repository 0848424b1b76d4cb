package otlp

import (
	"cmp"
	"slices"
)

// node is a span in its trace.
type node struct {
	*span
	children []*node // by their end, latest first
	agent    string
	nested   int64 // nanoseconds in which at least one child ran
	critical int64 // nanoseconds on the critical path
}

// assemble makes trees of the spans of a trace and returns their roots: spans without a parent, and
// those whose parent did not come. A span that names itself or one below it as parent is a root.
func assemble(spans []span) (roots []*node, all []*node) {
	byID := make(map[[8]byte]*node, len(spans))
	for i := range spans {
		if byID[spans[i].id] != nil {
			continue // sent again
		}
		n := &node{span: &spans[i]}
		byID[n.id] = n
		all = append(all, n)
	}
	for _, n := range all {
		if parent := byID[n.parent]; parent != nil && !below(byID, parent, n) {
			parent.children = append(parent.children, n)
		} else {
			n.parent = [8]byte{}
			roots = append(roots, n)
		}
	}
	for _, n := range all {
		slices.SortFunc(n.children, func(a, b *node) int { return cmp.Or(cmp.Compare(b.end, a.end), cmp.Compare(a.start, b.start)) })
		n.nested = covered(n)
	}
	return roots, all
}

// maxTreeDepth bounds how far up a parent is looked for; what is deeper begins a tree of its own.
const maxTreeDepth = 200

// below tells whether n is other, or one of those above it, or too deep.
func below(byID map[[8]byte]*node, n, other *node) bool {
	for range maxTreeDepth {
		if n == other {
			return true
		}
		if n = byID[n.parent]; n == nil {
			return false
		}
	}
	return true
}

// covered is the time of a span in which a child ran: the union of their spans.
func covered(n *node) int64 {
	total, until := int64(0), n.end
	for _, c := range n.children { // latest end first
		end, start := min(c.end, until), max(c.start, n.start)
		if end > start {
			total += end - start
			until = start
		}
	}
	return total
}

// follow walks the critical path of n backwards from a time to another, as far as it lasted: always into the
// child that ended last. What no child explains is the span's own.
func follow(n *node, from, until int64) {
	from, until = max(from, n.start), min(until, n.end)
	for _, c := range n.children {
		// A child that outlived its parent, or the one after it, counts up to there.
		start, end := max(c.start, from), min(c.end, until)
		if end <= start {
			continue
		}
		n.critical += until - end
		follow(c, start, end)
		until = start
	}
	n.critical += max(until-from, 0)
}

// inherit gives each span the agent of the nearest one above it that names one.
func inherit(n *node, agent string) {
	if n.span.agent != "" {
		agent = n.span.agent
	}
	n.agent = agent
	for _, c := range n.children {
		inherit(c, agent)
	}
}
