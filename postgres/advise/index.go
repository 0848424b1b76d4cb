package advise

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	maxKeys      = 4 // of one index
	maxIncluded  = 6
	maxNameBytes = 63
)

// index is one that might be made.
type index struct {
	table   *table
	method  string
	keys    []key
	include []int
	where   string
	// share of the table's rows that it has.
	share float64

	size   float64 // bytes
	writes float64 // seconds a day
	number int     // in the search
	// statements are those that might use it, by their positions.
	statements []int
}

// definition is what comes after ON in the statement that makes it.
func (x *index) definition() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s USING %s (%s)", x.table.ident(), x.method, strings.Join(x.keyTexts(true), ", "))
	if len(x.include) > 0 {
		fmt.Fprintf(&b, " INCLUDE (%s)", strings.Join(x.quoted(x.include), ", "))
	}
	if x.where != "" {
		fmt.Fprintf(&b, " WHERE %s", x.where)
	}
	return b.String()
}

// keyTexts are the keys as a statement has them.
func (x *index) keyTexts(quote bool) []string {
	list := make([]string, len(x.keys))
	for i, k := range x.keys {
		switch {
		case k.column >= 0 && quote:
			list[i] = pgx.Identifier{x.table.columns[k.column].name}.Sanitize()
		case k.column >= 0:
			list[i] = x.table.columns[k.column].name
		default:
			list[i] = "(" + strings.TrimSuffix(strings.TrimPrefix(k.expr, "("), ")") + ")"
			if !balanced(list[i][1 : len(list[i])-1]) {
				list[i] = "(" + k.expr + ")"
			}
		}
		if k.opclass != "" {
			list[i] += " " + k.opclass
		}
		switch {
		case k.desc && k.first:
			list[i] += " DESC"
		case k.desc:
			list[i] += " DESC NULLS LAST"
		case k.first:
			list[i] += " NULLS FIRST"
		}
	}
	return list
}

// balanced reports whether brackets close only what opened; those in strings count too, which errs to no.
func balanced(text string) bool {
	depth := 0
	for _, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}

func (x *index) quoted(columns []int) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = pgx.Identifier{x.table.columns[c].name}.Sanitize()
	}
	return list
}

// id is a digest of what the index is.
func (x *index) id() string {
	sum := sha256.Sum256([]byte(x.definition()))
	return hex.EncodeToString(sum[:8])
}

// name is one that tells what the index is and is the same in every run.
func (x *index) name() string {
	parts := []string{"upshift", x.table.name}
	for _, k := range x.keys {
		if k.column >= 0 {
			parts = append(parts, x.table.columns[k.column].name)
		} else {
			parts = append(parts, "expr")
		}
	}
	const suffix = 9
	name := strings.Join(parts, "_")
	if len(name) > maxNameBytes-suffix {
		name = strings.ToValidUTF8(name[:maxNameBytes-suffix], "")
	}
	return name + "_" + x.id()[:suffix-1]
}

// covers reports whether an index on the same table can do all that x can: it begins with x's keys, in the
// same order and direction, and has the rest of x's columns somewhere.
func (x *index) coveredBy(other *index) bool {
	if x.table != other.table || x.method != other.method || x.where != other.where || len(x.keys) > len(other.keys) {
		return false
	}
	if !slices.Equal(x.keys, other.keys[:len(x.keys)]) {
		return false
	}
	have, _ := other.columnList()
	for _, i := range x.include {
		if !slices.Contains(have, i) {
			return false
		}
	}
	return true
}

// begins reports whether x is a smaller index whose keys other begins with.
func (x *index) begins(other *index) bool {
	return x.table == other.table && x.method == other.method && x.where == other.where && len(x.include) == 0 &&
		len(x.keys) <= len(other.keys) && slices.Equal(x.keys, other.keys[:len(x.keys)])
}

// exists reports whether the table has an index already that can do all that x can.
func (x *index) exists() bool {
	return x.where == "" && slices.ContainsFunc(x.table.indexes, func(e existing) bool {
		if !e.valid || e.partial || e.method != x.method || e.keys < len(x.keys) {
			return false
		}
		for i, k := range x.keys {
			if k.column < 0 || k.desc || k.first || k.opclass != "" || x.table.columns[k.column].num != e.columns[i] {
				return false
			}
		}
		for _, i := range x.include {
			if !slices.Contains(e.columns, x.table.columns[i].num) {
				return false
			}
		}
		return true
	})
}
