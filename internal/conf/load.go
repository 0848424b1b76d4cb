package conf

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// EnvPrefix begins the name of every variable that Load reads.
const EnvPrefix = "PERFORMANCE_"

// Sources are where values come from, the weakest first. The zero value has none.
type Sources struct {
	// File is the path of a YAML file; empty means none. A missing file is a fault.
	File string
	// Text is the content of a YAML file that is not one; File only names it then.
	Text []byte
	// Env is the environment in the form of os.Environ.
	Env []string
	// Sets are key=value settings, in order.
	Sets []string
	// Aliases names the variables that are not derived from the key they set: variable to
	// key.
	Aliases map[string]string
}

// Load fills the struct that dst points to, which holds the defaults, from src. If dst has
// a method Validate() error, it judges the result. The error joins all faults, those of
// the sources, each a [*Fault], first; the struct is then as it was.
func Load(dst any, src Sources) (*Report, error) {
	target := reflect.ValueOf(dst)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		return nil, errors.New("conf: the destination must be a pointer to a struct")
	}
	if err := checkType(target.Elem().Type(), "", 0); err != nil {
		return nil, err
	}
	work := reflect.New(target.Elem().Type()).Elem()
	work.Set(target.Elem())
	l := &loader{root: work, origins: map[string]string{}}
	l.known, l.derived = knownKeys(work.Type())
	switch {
	case src.Text != nil:
		l.yaml(src.File, src.Text)
	case src.File != "":
		l.file(src.File)
	}
	l.environment(src.Env, src.Aliases)
	for _, s := range src.Sets {
		l.set(s)
	}
	r := &Report{origins: l.origins}
	err := l.faults.err()
	if v, ok := work.Addr().Interface().(interface{ Validate() error }); ok {
		err = errors.Join(err, r.Locate(v.Validate()))
	}
	if err != nil {
		return nil, err
	}
	target.Elem().Set(work)
	return r, r.Refresh(dst)
}

// loader is one run of Load.
type loader struct {
	root    reflect.Value
	origins map[string]string // key to origin
	known   []string          // every key that is not inside a map or list, sections too
	derived map[string]string // variable to key
	faults  faults
}

// set applies one key=value setting.
func (l *loader) set(text string) {
	const origin = "--set"
	key, value, ok := strings.Cut(text, "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		l.faults.add(origin, "", fmt.Sprintf("must be key=value, such as cache.max_size=1000 (got %q)", clip(key)))
		return
	}
	l.assign(key, value, origin)
}

// assign sets the value at a dotted key from text and notes its origin.
func (l *loader) assign(key, text, origin string) {
	path, err := parsePath(key)
	if err != nil {
		l.faults.add(origin, key, err.Error())
		return
	}
	at := place{key: "", origin: func(int) string { return origin }, line: 0}
	l.descend(l.root, path, at, func(v reflect.Value, at place) {
		l.forget(at.key)
		l.text(v, text, at)
	})
}

// forget drops the origins of what is below key: it is about to be replaced.
func (l *loader) forget(key string) {
	for k := range l.origins {
		if strings.HasPrefix(k, key+"[") {
			delete(l.origins, k)
		}
	}
}

// descend walks from v along path and calls leaf with the settable value at its end.
// Maps and lists on the way are copied, so that the defaults stay as they are.
func (l *loader) descend(v reflect.Value, path []step, at place, leaf func(reflect.Value, place)) {
	if len(path) == 0 {
		leaf(v, at)
		return
	}
	next := path[0]
	switch {
	case v.Kind() == reflect.Struct && !next.isIndex:
		f, ok := fieldByKey(v.Type(), next.name)
		if !ok {
			l.faults.add(at.where(), join(at.key, keyText(path)), l.unknown(v.Type(), at.key, keyText(path)))
			return
		}
		l.descend(v.FieldByIndex(f.index), path[1:], at.field(f), leaf)
	case v.Kind() == reflect.Map && !next.isIndex:
		own(v)
		l.intoMap(v, next.name, at, func(elem reflect.Value, at place) { l.descend(elem, path[1:], at, leaf) })
	case v.Kind() == reflect.Slice && next.isIndex:
		l.intoList(v, next.index, at, func(elem reflect.Value, at place) { l.descend(elem, path[1:], at, leaf) })
	case v.Kind() == reflect.Slice:
		l.faults.add(at.where(), at.key, "is a list; set it whole, or one entry as "+at.key+"[0]")
	default:
		l.faults.add(at.where(), join(at.key, keyText(path)), "unknown key: nothing is below "+at.key)
	}
}

// own replaces a map by a copy, which may be changed.
func own(m reflect.Value) {
	fresh := reflect.MakeMapWithSize(m.Type(), m.Len())
	for _, k := range m.MapKeys() {
		fresh.SetMapIndex(k, m.MapIndex(k))
	}
	m.Set(fresh)
}

// intoMap calls do with the value under name and puts it back. The caller owns m.
func (l *loader) intoMap(m reflect.Value, name string, at place, do func(reflect.Value, place)) {
	if !goodMapKey(name) {
		l.faults.add(at.where(), join(at.key, name), "must be named with letters, digits, _ or -")
		return
	}
	elem := reflect.New(m.Type().Elem()).Elem()
	key := reflect.ValueOf(name).Convert(m.Type().Key())
	if old := m.MapIndex(key); old.IsValid() {
		elem.Set(old)
	}
	do(elem, at.entry(name))
	m.SetMapIndex(key, elem)
}

// intoList calls do with the element at index i, or with a new last one.
func (l *loader) intoList(list reflect.Value, i int, at place, do func(reflect.Value, place)) {
	if i > list.Len() {
		l.faults.add(at.where(), at.index(i).key, fmt.Sprintf("must be at most [%d]: the list has %d entries", list.Len(), list.Len()))
		return
	}
	size := max(list.Len(), i+1)
	fresh := reflect.MakeSlice(list.Type(), size, size)
	reflect.Copy(fresh, list)
	list.Set(fresh)
	do(list.Index(i), at.index(i))
}

// unknown says what to do about the unknown key below section.
func (l *loader) unknown(section reflect.Type, in, key string) string {
	fields := fieldsOf(section)
	names, full := make([]string, len(fields)), make([]string, len(fields))
	for i, f := range fields {
		names[i], full[i] = f.key, join(in, f.key)
	}
	if n := nearest(key, names); n != "" {
		return "unknown key, did you mean " + join(in, n) + "?"
	}
	if n := nearestLast(join(in, key), l.known); n != "" {
		return "unknown key, did you mean " + n + "?"
	}
	return "unknown key; known here: " + strings.Join(full, ", ")
}
