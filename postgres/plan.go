package postgres

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// SequentialScan is a table read from end to end.
type SequentialScan struct {
	Table  string `json:"table"`
	Filter string `json:"filter"`
	// EstimatedRows come out of the scan, and EstimatedCost is its own.
	EstimatedRows float64 `json:"estimated_rows"`
	EstimatedCost float64 `json:"estimated_cost"`
}

// NodeCost names a node of a plan and its cost without its children.
type NodeCost struct {
	NodeType string  `json:"node_type"`
	Relation string  `json:"relation"`
	SelfCost float64 `json:"self_cost"`
	// ShareRatio is the part of the whole plan, 0 to 1.
	ShareRatio float64 `json:"share_ratio"`
}

// PlanNode is one node of a plan.
type PlanNode struct {
	NodeType string `json:"node_type"`
	// Relation is schema.table, or the name of what else the node reads; Index the index.
	Relation string `json:"relation"`
	Index    string `json:"index"`
	// StartupCost comes before the first row, TotalCost includes it and the children;
	// SelfCost is what the children do not explain, 0 at least.
	StartupCost float64 `json:"startup_cost"`
	TotalCost   float64 `json:"total_cost"`
	SelfCost    float64 `json:"self_cost"`
	Rows        float64 `json:"rows"`
	WidthBytes  int     `json:"width_bytes"`
	// Conditions are filters, index and join conditions, as the server writes them.
	Conditions []string   `json:"conditions"`
	Children   []PlanNode `json:"children"`
}

// rawNode is a node as EXPLAIN (FORMAT JSON) writes it.
type rawNode struct {
	NodeType  string  `json:"Node Type"`
	Schema    string  `json:"Schema"`
	Relation  string  `json:"Relation Name"`
	Function  string  `json:"Function Name"`
	CTE       string  `json:"CTE Name"`
	Index     string  `json:"Index Name"`
	Startup   float64 `json:"Startup Cost"`
	Total     float64 `json:"Total Cost"`
	Rows      float64 `json:"Plan Rows"`
	Width     int     `json:"Plan Width"`
	Operation string  `json:"Operation"`

	IndexCond   string    `json:"Index Cond"`
	RecheckCond string    `json:"Recheck Cond"`
	HashCond    string    `json:"Hash Cond"`
	MergeCond   string    `json:"Merge Cond"`
	JoinFilter  string    `json:"Join Filter"`
	Filter      string    `json:"Filter"`
	Plans       []rawNode `json:"Plans"`
}

// read fills in the analysis from the server's answer.
func (a *Analysis) read(text []byte) error {
	var plans []struct {
		Plan rawNode `json:"Plan"`
	}
	if err := json.Unmarshal(text, &plans); err != nil {
		return fmt.Errorf("postgres: read the plan: %w", err)
	}
	a.IndexesUsed, a.SequentialScans = []string{}, []SequentialScan{}
	if len(plans) == 0 || plans[0].Plan.NodeType == "" {
		return ErrNoPlan // a rule turned the statement into nothing
	}
	a.Plan = a.node(plans[0].Plan)
	a.EstimatedCost, a.EstimatedRows = a.Plan.TotalCost, a.Plan.Rows
	if a.EstimatedCost > 0 {
		a.CostliestNode.ShareRatio = min(1, a.CostliestNode.SelfCost/a.EstimatedCost)
	}
	return nil
}

// node turns one node and those below it, and notes what it finds on the way.
func (a *Analysis) node(r rawNode) PlanNode {
	n := PlanNode{
		NodeType: r.NodeType, Relation: r.relation(), Index: r.Index, StartupCost: finite(r.Startup), TotalCost: finite(r.Total),
		Rows: finite(r.Rows), WidthBytes: r.Width, Conditions: r.conditions(), Children: make([]PlanNode, 0, len(r.Plans)),
	}
	if r.Operation != "" && r.NodeType == "ModifyTable" {
		n.NodeType = r.Operation
	}
	if r.Index != "" && !slices.Contains(a.IndexesUsed, r.Index) {
		a.IndexesUsed = append(a.IndexesUsed, r.Index)
	}
	n.SelfCost = n.TotalCost
	scan := -1
	if r.NodeType == "Seq Scan" {
		scan = len(a.SequentialScans)
		a.SequentialScans = append(a.SequentialScans, SequentialScan{
			Table: n.Relation, Filter: r.Filter, EstimatedRows: n.Rows,
		})
	}
	for _, child := range r.Plans {
		c := a.node(child)
		n.SelfCost -= c.TotalCost
		n.Children = append(n.Children, c)
	}
	n.SelfCost = max(0, n.SelfCost)
	if scan >= 0 {
		a.SequentialScans[scan].EstimatedCost = n.SelfCost
	}
	if c := &a.CostliestNode; c.NodeType == "" || n.SelfCost > c.SelfCost {
		*c = NodeCost{NodeType: n.NodeType, Relation: n.Relation, SelfCost: n.SelfCost}
	}
	return n
}

func (r rawNode) relation() string {
	name := r.Relation
	for _, other := range []string{r.Function, r.CTE} {
		if name == "" {
			name = other
		}
	}
	if r.Schema != "" && name != "" {
		return r.Schema + "." + name
	}
	return name
}

func (r rawNode) conditions() []string {
	conditions := []string{}
	for _, c := range []string{r.IndexCond, r.RecheckCond, r.HashCond, r.MergeCond, r.JoinFilter, r.Filter} {
		if c = strings.TrimSpace(c); c != "" {
			conditions = append(conditions, c)
		}
	}
	return conditions
}

// finite takes out what JSON cannot carry on.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
