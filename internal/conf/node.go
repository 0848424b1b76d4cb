package conf

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// node sets v, of any configurable type, from a YAML node. An empty node leaves v as it
// is.
func (l *loader) node(v reflect.Value, n ast.Node, at place) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		l.faults.add(at.where(), at.key, "uses a YAML anchor or alias, which are not read here; write the value out")
		return
	case *ast.TagNode:
		l.faults.add(at.where(), at.key, "carries a YAML tag, which are not read here; write the value alone")
		return
	case *ast.CommentGroupNode:
		return
	case ast.ScalarNode:
		l.scalarNode(v, n, at)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		l.structNode(v, n, at)
	case reflect.Map:
		l.mapNode(v, n, at)
	case reflect.Slice:
		l.listNode(v, n, at)
	default:
		l.faults.add(at.where(), at.key, "must be a single value"+gotNode(n))
	}
}

// shape names what is expected where v stands.
func shape(v reflect.Value, key string) string {
	switch {
	case key == "":
		return "must hold sections such as `cache:`"
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		return "must be a list of entries that begin with -"
	case v.Kind() == reflect.Slice:
		return "must be a list such as [a, b]"
	}
	return "must be a section with indented keys below it"
}

func (l *loader) scalarNode(v reflect.Value, n ast.ScalarNode, at place) {
	text, kind := scalarText(n)
	switch v.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		l.faults.add(at.where(), at.key, shape(v, at.key)+" "+got(text, at.secret))
		return
	case reflect.String:
		if kind == ast.BoolType {
			l.faults.add(at.where(), at.key, "must be text; put it in quotes "+got(text, at.secret))
			return
		}
	}
	l.scalar(v, text, at)
}

// scalarText returns the text of a node as it was written and its kind.
func scalarText(n ast.Node) (string, ast.NodeType) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, n.Type()
	case *ast.LiteralNode:
		return strings.TrimSuffix(n.Value.Value, "\n"), n.Type()
	}
	return n.GetToken().Value, n.Type()
}

func gotNode(n ast.Node) string {
	switch n.(type) {
	case *ast.SequenceNode:
		return " (got a list)"
	case *ast.MappingNode, *ast.MappingValueNode:
		return " (got a section)"
	}
	return ""
}

// entries lists the keys and values of a mapping node; ok is false for another node.
func entries(n ast.Node) (list []*ast.MappingValueNode, ok bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// eachEntry calls do for every well-formed, first-seen entry of a mapping.
func (l *loader) eachEntry(v reflect.Value, n ast.Node, at place, do func(key string, value ast.Node, at place)) {
	list, ok := entries(n)
	if !ok {
		l.faults.add(at.where(), at.key, shape(v, at.key)+gotNode(n))
		return
	}
	seen := make(map[string]int, len(list))
	for _, e := range list {
		here := at
		line := lineOf(e.Key)
		if at.line >= 0 {
			here = at.at(line)
		}
		switch e.Key.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		case *ast.MergeKeyNode:
			l.node(v, e.Key, here)
			continue
		default:
			l.faults.add(here.where(), at.key, "must have plain words as keys")
			continue
		}
		key, _ := scalarText(e.Key)
		if first, twice := seen[key]; twice {
			problem := "is there twice; keep one"
			if at.line >= 0 {
				problem = fmt.Sprintf("is there twice, first in line %d; keep one", first)
			}
			l.faults.add(here.where(), join(at.key, key), problem)
			continue
		}
		seen[key] = line
		do(key, e.Value, here)
	}
}

func (l *loader) structNode(v reflect.Value, n ast.Node, at place) {
	l.eachEntry(v, n, at, func(key string, value ast.Node, here place) {
		f, ok := fieldByKey(v.Type(), key)
		if !ok {
			l.faults.add(here.where(), join(at.key, key), l.unknown(v.Type(), at.key, key))
			return
		}
		l.node(v.FieldByIndex(f.index), value, here.field(f))
	})
}

func (l *loader) mapNode(v reflect.Value, n ast.Node, at place) {
	own(v)
	l.eachEntry(v, n, at, func(key string, value ast.Node, here place) {
		l.intoMap(v, key, here, func(elem reflect.Value, at place) { l.node(elem, value, at) })
	})
}

func (l *loader) listNode(v reflect.Value, n ast.Node, at place) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		l.faults.add(at.where(), at.key, shape(v, at.key)+gotNode(n))
		return
	}
	v.SetZero()
	l.forget(at.key)
	l.origins[at.key] = at.where()
	fresh := reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values))
	for i, value := range list.Values {
		here := at.index(i)
		if at.line >= 0 {
			here = here.at(lineOf(value))
		}
		if _, empty := value.(*ast.NullNode); empty {
			l.faults.add(here.where(), here.key, "must not be empty; remove the entry or fill it in")
			continue
		}
		l.origins[here.key] = here.where()
		l.node(fresh.Index(i), value, here)
	}
	v.Set(fresh)
}
