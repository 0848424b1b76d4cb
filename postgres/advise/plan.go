package advise

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// node is a node of a plan as EXPLAIN (VERBOSE, FORMAT JSON) writes it.
type node struct {
	Type     string   `json:"Node Type"`
	Schema   string   `json:"Schema"`
	Relation string   `json:"Relation Name"`
	Alias    string   `json:"Alias"`
	Index    string   `json:"Index Name"`
	Join     string   `json:"Join Type"`
	Parent   string   `json:"Parent Relationship"`
	Startup  float64  `json:"Startup Cost"`
	Total    float64  `json:"Total Cost"`
	Rows     float64  `json:"Plan Rows"`
	Width    float64  `json:"Plan Width"`
	Output   []string `json:"Output"`
	SortKey  []string `json:"Sort Key"`
	Sorted   []string `json:"Presorted Key"`
	GroupKey []string `json:"Group Key"`
	OrderBy  string   `json:"Order By"`

	IndexCond   string `json:"Index Cond"`
	RecheckCond string `json:"Recheck Cond"`
	HashCond    string `json:"Hash Cond"`
	MergeCond   string `json:"Merge Cond"`
	JoinFilter  string `json:"Join Filter"`
	Filter      string `json:"Filter"`
	OneTime     string `json:"One-Time Filter"`

	Plans []node `json:"Plans"`
}

var errNoPlan = errors.New("the server has no plan for it")

func readPlan(text []byte) (node, error) {
	var plans []struct {
		Plan node `json:"Plan"`
	}
	if err := json.Unmarshal(text, &plans); err != nil {
		return node{}, fmt.Errorf("read the plan: %w", err)
	}
	if len(plans) == 0 || plans[0].Plan.Type == "" {
		return node{}, errNoPlan
	}
	return plans[0].Plan, nil
}

// walk calls visit for n and all below it.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for i := range n.Plans {
		n.Plans[i].walk(visit)
	}
}

// conditions are what rows must meet, or be joined by, at this node.
func (n *node) conditions() []string {
	var found []string
	for _, c := range []string{n.IndexCond, n.RecheckCond, n.HashCond, n.MergeCond, n.JoinFilter, n.Filter} {
		if c != "" {
			found = append(found, c)
		}
	}
	return found
}

// Parts of a node's cost that are added to it as the risk that it is.
const (
	// lookupRisk is for looking rows up one by one in the inner side of a loop. How often the loop runs is the
	// guess that goes wrong most, by factors, and mostly upwards: a plan that is cheaper only if the guess holds
	// should not count as one.
	lookupRisk = 1.0
	// walkRisk is for reading a whole table in the order of an index: the pages that this spares are mostly in
	// memory, and priced as if they were not.
	walkRisk = 0.5
)

// cautious is the cost of the plan with its risks.
func (n *node) cautious() float64 { return n.Total + n.risk(1) }

func (n *node) risk(loops float64) float64 {
	sum := 0.0
	if (n.Type == "Index Scan" || n.Type == "Index Only Scan") && n.IndexCond == "" {
		sum += walkRisk * n.Total * loops
	}
	for i := range n.Plans {
		c, inner := &n.Plans[i], loops
		if n.Type == "Nested Loop" && i == 1 {
			inner = loops * math.Max(1, n.Plans[0].Rows)
			if inner > 1 && c.looksUp() {
				sum += lookupRisk * c.Total * inner
			}
		}
		sum += c.risk(inner)
	}
	return sum
}

// looksUp reports whether a node reads a table by an index.
func (n *node) looksUp() bool {
	return n.Type == "Index Scan" || n.Type == "Index Only Scan" || n.Type == "Bitmap Heap Scan"
}
