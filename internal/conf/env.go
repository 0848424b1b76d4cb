package conf

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// environment applies the variables that begin with EnvPrefix.
func (l *loader) environment(environ []string, aliases map[string]string) {
	values := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, EnvPrefix) {
			values[name] = value
		}
	}
	from := map[string]string{} // key to the variable that set it
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key, ok := aliases[name]
		if !ok {
			key, ok = l.derived[name]
		}
		if !ok {
			key, ok = l.entryKey(name)
		}
		origin := "env " + oneLine(clip(name))
		switch value := values[name]; {
		case !ok:
			l.faults.add(origin, "", l.unknownVariable(name, aliases))
		case value == "": // as good as not set
		case from[key] != "" && values[from[key]] != value:
			l.faults.add(origin, key, fmt.Sprintf("is also set, to another value, by %s; keep one of them", from[key]))
		default:
			from[key] = name
			l.assign(key, value, origin)
		}
	}
}

// entryKey finds the map entry that a variable stands for: PERFORMANCE_CACHE_CACHES_TOOLS_TTL
// is cache.caches.tools.ttl.
func (l *loader) entryKey(name string) (string, bool) {
	found, depth := "", 0
	for variable, key := range l.derived {
		rest, ok := strings.CutPrefix(name, variable+"_")
		t := typeOf(l.root.Type(), key)
		if !ok || rest == "" || t.Kind() != reflect.Map || len(variable) <= depth {
			continue
		}
		entry, ok := entryOf(t.Elem(), strings.ToLower(rest))
		if ok {
			found, depth = join(key, entry), len(variable)
		}
	}
	return found, found != ""
}

// entryOf splits name_field into name.field where the entries are structs.
func entryOf(t reflect.Type, text string) (string, bool) {
	if t.Kind() != reflect.Struct {
		return text, true
	}
	entry, longest := "", 0
	for _, f := range fieldsOf(t) {
		name, ok := strings.CutSuffix(text, "_"+f.key)
		if ok && name != "" && len(f.key) > longest {
			entry, longest = join(name, f.key), len(f.key)
		}
	}
	return entry, longest > 0
}

// typeOf returns the type of the value at a key that is known to exist.
func typeOf(t reflect.Type, key string) reflect.Type {
	for part := range strings.SplitSeq(key, ".") {
		f, ok := fieldByKey(t, part)
		if !ok {
			return t
		}
		t = f.typ
	}
	return t
}

func (l *loader) unknownVariable(name string, aliases map[string]string) string {
	known := slices.Concat(slices.Collect(maps.Keys(aliases)), slices.Collect(maps.Keys(l.derived)))
	slices.Sort(known)
	if n := nearest(name, known); n != "" {
		return "unknown variable, did you mean " + n + "?"
	}
	return "unknown variable: names that begin with " + EnvPrefix + " are read as configuration; unset it or correct it"
}
