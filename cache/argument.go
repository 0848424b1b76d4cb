package cache

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// Types that are not taken apart.
var (
	timeType    = reflect.TypeFor[time.Time]()
	contextType = reflect.TypeFor[context.Context]()
)

const hiddenTime = "a time in an unexported field cannot be read"

// writer writes a value out so that two values have the same text exactly if they mean the same:
// strings are quoted, what has parts is in brackets, nil is not empty, and whatever an interface
// holds is under the name of its type.
type writer struct {
	out []byte
	// names are those of the fields of the structs met so far; asking for them allocates.
	names map[reflect.Type][]string
}

// value writes v.
func (w *writer) value(v reflect.Value, depth int) error {
	if depth > MaxArgumentDepth {
		return ErrArgumentTooDeep
	}
	if len(w.out) > maxArgumentBytes {
		return ErrKeyTooLong
	}
	switch v.Kind() {
	case reflect.Bool:
		w.out = strconv.AppendBool(w.out, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.out = strconv.AppendInt(w.out, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		w.out = strconv.AppendUint(w.out, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		w.float(v.Float())
	case reflect.Complex64, reflect.Complex128:
		w.float(real(v.Complex()))
		w.out = append(w.out, '_')
		w.float(imag(v.Complex()))
	case reflect.String:
		w.quote(v.String())
	case reflect.Pointer:
		if v.IsNil() {
			return w.text("nil")
		}
		w.out = append(w.out, '&')
		return w.value(v.Elem(), depth+1)
	case reflect.Interface:
		if v.IsNil() {
			return w.text("nil")
		}
		return w.dynamic(v.Elem(), depth)
	case reflect.Slice, reflect.Array:
		return w.list(v, depth)
	case reflect.Map:
		return w.table(v, depth)
	case reflect.Struct:
		return w.fields(v, depth)
	default:
		return refuse(v.Type())
	}
	return nil
}

// quote writes a short string for people to read; a long one, which only goes into a digest, is
// its length and then itself.
func (w *writer) quote(s string) {
	if len(s) <= maxPlainKey {
		w.out = strconv.AppendQuote(w.out, s)
		return
	}
	w.out = append(append(strconv.AppendInt(w.out, int64(len(s)), 10), '"'), s...)
}

// dynamic writes what an interface holds.
func (w *writer) dynamic(v reflect.Value, depth int) error {
	w.out = append(append(w.out, typeName(v.Type())...), '(')
	if err := w.value(v, depth+1); err != nil {
		return err
	}
	return w.text(")")
}

func (w *writer) text(s string) error {
	w.out = append(w.out, s...)
	return nil
}

// float writes every NaN the same, and zero apart from minus zero.
func (w *writer) float(f float64) {
	if math.IsNaN(f) {
		f = math.NaN()
	}
	w.out = strconv.AppendFloat(w.out, f, 'g', -1, 64)
}

func (w *writer) list(v reflect.Value, depth int) error {
	if v.Kind() == reflect.Slice {
		if v.IsNil() {
			return w.text("nil")
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			w.quote(string(v.Bytes()))
			return nil
		}
	}
	w.out = append(w.out, '[')
	for i := range v.Len() {
		if err := w.value(v.Index(i), depth+1); err != nil {
			return under("["+strconv.Itoa(i)+"]", err)
		}
		w.out = append(w.out, ',')
	}
	return w.text("]")
}

// table writes the entries of a map in the order of their text.
func (w *writer) table(v reflect.Value, depth int) error {
	if v.IsNil() {
		return w.text("nil")
	}
	lines, size := make([]string, 0, v.Len()), len(w.out)
	for it := v.MapRange(); it.Next(); {
		line := writer{names: w.names}
		if err := line.value(it.Key(), depth+1); err != nil {
			return under("[key]", err)
		}
		line.out = append(line.out, ':')
		if err := line.value(it.Value(), depth+1); err != nil {
			return under("[]", err)
		}
		if size += len(line.out); size > maxArgumentBytes {
			return ErrKeyTooLong
		}
		lines = append(lines, string(line.out))
	}
	slices.Sort(lines)
	w.out = append(w.out, '{')
	for _, line := range lines {
		w.out = append(append(w.out, line...), ',')
	}
	return w.text("}")
}

func (w *writer) fields(v reflect.Value, depth int) error {
	t := v.Type()
	if t == timeType {
		return w.time(v)
	}
	w.out = append(w.out, '{')
	for i, name := range w.namesOf(t) {
		w.out = append(append(w.out, name...), ':')
		if err := w.value(v.Field(i), depth+1); err != nil {
			return under("."+name, err)
		}
		w.out = append(w.out, ',')
	}
	return w.text("}")
}

// namesOf are the names of the fields of a struct.
func (w *writer) namesOf(t reflect.Type) []string {
	names, known := w.names[t]
	if known {
		return names
	}
	for i := range t.NumField() {
		names = append(names, t.Field(i).Name)
	}
	if w.names == nil {
		w.names = map[reflect.Type][]string{}
	}
	w.names[t] = names
	return names
}

// time writes the instant and the place, which may both matter, and no monotonic reading.
func (w *writer) time(v reflect.Value) error {
	if !v.CanInterface() {
		return &ArgumentError{Type: v.Type(), Why: hiddenTime}
	}
	var at time.Time
	if v.CanAddr() {
		at = *v.Addr().Interface().(*time.Time) // which allocates nothing
	} else {
		at, _ = v.Interface().(time.Time)
	}
	w.out = at.AppendFormat(w.out, "2006-01-02T15:04:05.999999999Z07:00")
	w.out = strconv.AppendQuote(w.out, at.Location().String())
	return nil
}

// under puts a step in front of the path of an ArgumentError.
func under(step string, err error) error {
	var refused *ArgumentError
	if errors.As(err, &refused) {
		refused.Path = step + refused.Path
	}
	return err
}

// typeName is the name of a type with its package's path, where it has one.
func typeName(t reflect.Type) string {
	if t.PkgPath() == "" {
		return t.String()
	}
	return strconv.Quote(t.PkgPath()) + "." + t.Name()
}

// refuse is the error for a type whose values say nothing of what they mean.
func refuse(t reflect.Type) error {
	return &ArgumentError{Type: t, Why: "its values cannot be compared by content"}
}

// checkArgument finds the first part of an argument type that cannot make a key.
func checkArgument(t reflect.Type) error {
	return under("args", checkType(t, true, map[reflect.Type]bool{}))
}

func checkType(t reflect.Type, exported bool, seen map[reflect.Type]bool) error {
	switch {
	case t == contextType:
		return &ArgumentError{Type: t, Why: "the function has its context beside the argument"}
	case t == timeType && !exported:
		return &ArgumentError{Type: t, Why: hiddenTime}
	case t == timeType, seen[t]:
		return nil
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return refuse(t)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return under(stepInto(t), checkType(t.Elem(), exported, seen))
	case reflect.Map:
		if err := checkType(t.Key(), exported, seen); err != nil {
			return under("[key]", err)
		}
		return under("[]", checkType(t.Elem(), exported, seen))
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if err := checkType(f.Type, exported && f.IsExported(), seen); err != nil {
				return under("."+f.Name, err)
			}
		}
	}
	return nil
}

func stepInto(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return ""
	}
	return "[]"
}
