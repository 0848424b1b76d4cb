package conf

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// maxNesting bounds the depth of a configuration struct.
const maxNesting = 8

// field is one configured field of a struct.
type field struct {
	key    string
	index  []int
	typ    reflect.Type
	secret bool
}

// fieldsOf lists the configured fields of a struct in order; embedded structs without a
// tag are flattened.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("conf")
		switch {
		case !tagged && sf.Anonymous && sf.Type.Kind() == reflect.Struct:
			for _, f := range fieldsOf(sf.Type) {
				f.index = append([]int{i}, f.index...)
				fields = append(fields, f)
			}
		case tagged && tag != "-" && sf.IsExported():
			key, option, _ := strings.Cut(tag, ",")
			fields = append(fields, field{key: key, index: []int{i}, typ: sf.Type, secret: option == "secret"})
		}
	}
	return fields
}

func fieldByKey(t reflect.Type, key string) (field, bool) {
	for _, f := range fieldsOf(t) {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

func isDuration(t reflect.Type) bool { return t == reflect.TypeFor[time.Duration]() }

// isSection reports whether values of t are written key by key, not as one value.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct }

// checkType refuses a struct that cannot be configured: a fault of the program, not of
// its user.
func checkType(t reflect.Type, key string, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("conf: %s is nested too deeply", key)
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return nil
	case reflect.Slice:
		return checkType(t.Elem(), key+"[]", depth+1)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return fmt.Errorf("conf: %s must have text as the key of its map", key)
		}
		return checkType(t.Elem(), key+".*", depth+1)
	case reflect.Struct:
		seen := map[string]bool{}
		for _, f := range fieldsOf(t) {
			if seen[f.key] || f.key == "" {
				return fmt.Errorf("conf: %s is there twice or has no name", join(key, f.key))
			}
			seen[f.key] = true
			if err := checkType(f.typ, join(key, f.key), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("conf: %s has a type that cannot be configured: %s", key, t)
}

// knownKeys lists the keys of a struct, sections too, and the variable of each value.
func knownKeys(t reflect.Type) (keys []string, variables map[string]string) {
	variables = map[string]string{}
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		for _, f := range fieldsOf(t) {
			key := join(prefix, f.key)
			keys = append(keys, key)
			if isSection(f.typ) {
				walk(f.typ, key)
				continue
			}
			variables[EnvName(key)] = key
		}
	}
	walk(t, "")
	return keys, variables
}

// EnvName is the variable derived from a key: cache.max_size is PERFORMANCE_CACHE_MAX_SIZE.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// Keys lists the key of every value of a struct, which may be a pointer to one; a map or
// a list counts as one value.
func Keys(v any) []string {
	t := reflect.Indirect(reflect.ValueOf(v)).Type()
	all, variables := knownKeys(t)
	keys := make([]string, 0, len(all))
	for _, k := range all {
		if variables[EnvName(k)] == k {
			keys = append(keys, k)
		}
	}
	return keys
}
