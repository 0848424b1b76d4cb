package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fromDefault is the origin of a value that nobody set.
const fromDefault = "default"

// Report tells the value and the origin of everything that was configured.
type Report struct {
	// Settings are in the order of the struct: one for each value, each entry of a map and
	// each entry of a list; an empty map or list is one.
	Settings []Setting
	origins  map[string]string
}

// Setting is one value in force.
type Setting struct {
	Key string `json:"key"`
	// Value is its text, which --set takes as it is. Secrets are masked.
	Value string `json:"value"`
	// Origin is default, upshift.yaml:12, env NAME or --set.
	Origin string `json:"origin"`
}

// Refresh reads the values again from src, of the type that was loaded, after its owner
// has put defaults in the place of zeros. An entry of a list keeps its origin: what a default
// adds to it makes no default of the rest.
func (r *Report) Refresh(src any) error {
	v := reflect.Indirect(reflect.ValueOf(src))
	if v.Kind() != reflect.Struct {
		return errors.New("conf: the source must be a struct")
	}
	before := make(map[string]string, len(r.Settings))
	for _, s := range r.Settings {
		before[s.Key] = s.Value
	}
	r.Settings = r.Settings[:0]
	r.collect(v, place{}, func(s Setting) {
		old, known := before[s.Key]
		if known && old != s.Value && s.Origin != fromDefault && !strings.HasSuffix(s.Key, "]") {
			s.Origin = fmt.Sprintf("%s (%s: %s)", fromDefault, s.Origin, old)
		}
		r.Settings = append(r.Settings, s)
	})
	return nil
}

func (r *Report) collect(v reflect.Value, at place, add func(Setting)) {
	switch v.Kind() {
	case reflect.Struct:
		if strings.HasSuffix(at.key, "]") {
			break
		}
		for _, f := range fieldsOf(v.Type()) {
			r.collect(v.FieldByIndex(f.index), at.field(f), add)
		}
		return
	case reflect.Map:
		for _, name := range sortedNames(v) {
			r.collect(entryNamed(v, name), at.entry(name), add)
		}
		if v.Len() > 0 {
			return
		}
	case reflect.Slice:
		for i := range v.Len() {
			r.collect(v.Index(i), at.index(i), add)
		}
		if v.Len() > 0 {
			return
		}
	}
	add(Setting{Key: at.key, Value: format(v, at, false), Origin: r.origin(at.key)})
}

// origin is where the value of a key comes from.
func (r *Report) origin(key string) string {
	for {
		if o, ok := r.origins[key]; ok {
			return o
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return fromDefault
		}
		key = key[:i]
	}
}

// Locate adds to each error in err that begins with a key, as in "cache.ttl: must be …",
// where the value of that key stands.
func (r *Report) Locate(err error) error {
	var located []error
	for _, e := range flatten(err) {
		key, _, ok := strings.Cut(e.Error(), ": ")
		if origin := r.origin(key); ok && origin != fromDefault {
			e = fmt.Errorf("%s: %w", origin, e)
		}
		located = append(located, e)
	}
	return errors.Join(located...)
}

// flatten lists the errors that were joined.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

// format is the text of a value, in the form that is read back. Inside a list or map
// text is quoted where YAML needs it.
func format(v reflect.Value, at place, quoted bool) string {
	switch {
	case isDuration(v.Type()):
		return formatDuration(time.Duration(v.Int()))
	case v.Kind() == reflect.Int64 && isSize(at.key):
		return formatSize(v.Int())
	}
	switch v.Kind() {
	case reflect.String:
		text := maskURL(v.String())
		if at.secret {
			text = maskSecret(v.String())
		}
		if quoted {
			return quote(text)
		}
		return text
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Float64:
		return formatFloat(v.Float())
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = format(v.Index(i), at.index(i), true)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		parts := make([]string, 0, v.Len())
		for _, name := range sortedNames(v) {
			parts = append(parts, quote(name)+": "+format(entryNamed(v, name), at.entry(name), true))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return formatStruct(v, at)
	}
}

// formatStruct writes the fields that are not zero.
func formatStruct(v reflect.Value, at place) string {
	var parts []string
	for _, f := range fieldsOf(v.Type()) {
		if value := v.FieldByIndex(f.index); !value.IsZero() {
			parts = append(parts, f.key+": "+format(value, at.field(f), true))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// quote puts text in double quotes unless YAML reads it as plain text anywhere.
func quote(text string) string {
	plain := text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./", r))
	}) < 0
	switch strings.ToLower(text) {
	case "null", "true", "false", "~":
		plain = false
	}
	if plain || plainURL(text) {
		return text
	}
	out, err := json.Marshal(text)
	if err != nil {
		return strconv.Quote(text)
	}
	return string(out)
}

// plainURL reports whether text is a URL that needs no quotes.
func plainURL(text string) bool {
	scheme, rest, ok := strings.Cut(text, "://")
	return ok && (scheme == "http" || scheme == "https") && rest != "" && strings.IndexFunc(rest, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./-:", r))
	}) < 0 && !strings.HasSuffix(rest, ":")
}

func sortedNames(m reflect.Value) []string {
	names := make(map[string]bool, m.Len())
	for _, k := range m.MapKeys() {
		names[k.String()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func entryNamed(m reflect.Value, name string) reflect.Value {
	return m.MapIndex(reflect.ValueOf(name).Convert(m.Type().Key()))
}
