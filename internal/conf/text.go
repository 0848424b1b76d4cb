package conf

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
)

// text sets v, of any configurable type, from one line of text.
func (l *loader) text(v reflect.Value, text string, at place) {
	trimmed := strings.TrimSpace(text)
	flow := strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")
	switch v.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		if flow {
			l.flow(v, trimmed, at)
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		l.pair(v, trimmed, at)
	case reflect.Map:
		l.pairs(v, trimmed, at)
	case reflect.Slice:
		l.list(v, trimmed, at)
	default:
		l.scalar(v, text, at)
	}
}

// scalar sets a single value and notes its origin, or the fault.
func (l *loader) scalar(v reflect.Value, text string, at place) {
	if err := scalar(v, at.key, text); err != nil {
		l.faults.add(at.where(), at.key, err.Error()+" "+got(text, at.secret))
		return
	}
	l.origins[at.key] = at.where()
}

// got quotes what was found instead, unless it is a secret.
func got(text string, secret bool) string {
	if secret {
		return "(got " + masked + ")"
	}
	return fmt.Sprintf("(got %q)", clip(maskURL(text)))
}

// flow sets v from YAML in one line, such as {id: a, url: http://b} or [a, b].
func (l *loader) flow(v reflect.Value, text string, at place) {
	n, fault := parseYAML([]byte(text))
	if fault != nil {
		l.faults.add(at.where(), at.key, fault.problem)
		return
	}
	if v.Kind() == reflect.Struct && strings.HasSuffix(at.key, "]") {
		v.SetZero() // an entry of a list is given whole
	}
	at.line = -1 // the lines of the text are not those of a file
	l.node(v, n, at)
}

// pair sets the first two keys of a struct from id=url.
func (l *loader) pair(v reflect.Value, text string, at place) {
	fields := fieldsOf(v.Type())
	if !strings.HasSuffix(at.key, "]") || !isPair(fields) {
		l.faults.add(at.where(), at.key, "is a section; set one of its keys, such as "+join(at.key, fields[0].key))
		return
	}
	first, second, ok := strings.Cut(text, "=")
	if !ok {
		l.faults.add(at.where(), at.key,
			fmt.Sprintf("must be %s=%s %s", fields[0].key, fields[1].key, got(text, at.secret)))
		return
	}
	v.SetZero()
	l.scalar(v.FieldByIndex(fields[0].index), strings.TrimSpace(first), at.field(fields[0]))
	l.scalar(v.FieldByIndex(fields[1].index), strings.TrimSpace(second), at.field(fields[1]))
}

func isPair(fields []field) bool {
	return len(fields) >= 2 && fields[0].typ.Kind() == reflect.String && fields[1].typ.Kind() == reflect.String
}

// pairs sets entries of a map from a=1,b=2.
func (l *loader) pairs(v reflect.Value, text string, at place) {
	if v.Type().Elem().Kind() == reflect.Struct {
		l.faults.add(at.where(), at.key, "must be set key by key, such as "+
			join(at.key, "name")+"."+fieldsOf(v.Type().Elem())[0].key+", or as {name: {…}}")
		return
	}
	own(v)
	for part := range commaSeparated(text) {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			l.faults.add(at.where(), at.key, "must be name=value,name=value "+got(text, at.secret))
			return
		}
		l.intoMap(v, strings.TrimSpace(name), at, func(elem reflect.Value, at place) { l.scalar(elem, value, at) })
	}
}

// list replaces a list by a,b,c.
func (l *loader) list(v reflect.Value, text string, at place) {
	parts := slices.Collect(commaSeparated(text))
	fresh := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	l.forget(at.key)
	l.origins[at.key] = at.where()
	for i, part := range parts {
		l.text(fresh.Index(i), part, at.index(i))
	}
	v.Set(fresh)
}

// commaSeparated yields the parts of text without the space around them; empty parts
// are left out.
func commaSeparated(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" && !yield(part) {
				return
			}
		}
	}
}
