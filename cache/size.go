package cache

import (
	"reflect"
	"unsafe"
)

// Bounds of one walk of [SizeOf].
const (
	sizeSample = 256     // elements looked into of a slice, an array or a map
	sizeVisits = 1 << 14 // values looked into
	sizeDepth  = 64      // pointers and containers followed on one path
)

// mapOverhead is what an element of a map takes beyond itself, by the load of Go's tables.
const mapOverhead = 8

// SizeOf estimates the bytes that v holds in memory, with all that it leads to. What is reached
// twice by pointers counts once. Of long slices and maps a sample is looked into, and the walk
// ends at some depth and number of values, so it takes at most about a millisecond. Channels and
// functions count as their pointers. It reads v, which must not change meanwhile.
func SizeOf(v any) int64 {
	switch v := v.(type) {
	case nil:
		return 0
	case string:
		return int64(len(v)) + int64(unsafe.Sizeof(v))
	case []byte:
		return int64(cap(v)) + int64(unsafe.Sizeof(v))
	}
	value := reflect.ValueOf(v)
	m := measurer{seen: map[unsafe.Pointer]struct{}{}}
	return int64(value.Type().Size()) + m.beyond(value, 0)
}

// measurer is one walk.
type measurer struct {
	seen   map[unsafe.Pointer]struct{}
	visits int
}

// first reports whether p was not met before.
func (m *measurer) first(p unsafe.Pointer) bool {
	if p == nil {
		return false
	}
	if _, known := m.seen[p]; known {
		return false
	}
	m.seen[p] = struct{}{}
	return true
}

// beyond is the size of what v leads to, without v itself.
func (m *measurer) beyond(v reflect.Value, depth int) int64 {
	if m.visits++; m.visits > sizeVisits || depth > sizeDepth {
		return 0
	}
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Pointer:
		if !m.first(v.UnsafePointer()) {
			return 0
		}
		return int64(v.Type().Elem().Size()) + m.beyond(v.Elem(), depth+1)
	case reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return int64(v.Elem().Type().Size()) + m.beyond(v.Elem(), depth+1)
	case reflect.Slice:
		if !m.first(v.UnsafePointer()) {
			return 0
		}
		return int64(v.Cap())*int64(v.Type().Elem().Size()) + m.elements(v, depth)
	case reflect.Array:
		return m.elements(v, depth)
	case reflect.Struct:
		sum := int64(0)
		for i := range v.NumField() {
			sum += m.beyond(v.Field(i), depth+1)
		}
		return sum
	case reflect.Map:
		if !m.first(v.UnsafePointer()) {
			return 0
		}
		return m.entries(v, depth)
	}
	return 0
}

// elements is the size of what the elements of a slice or an array lead to.
func (m *measurer) elements(v reflect.Value, depth int) int64 {
	if n := v.Len(); n > 0 && leads(v.Type().Elem()) {
		looked := min(n, sizeSample)
		sum := int64(0)
		for i := range looked {
			// Spread over the whole length: what is alike is often side by side.
			sum += m.beyond(v.Index(i*n/looked), depth+1)
		}
		return extrapolate(sum, looked, n)
	}
	return 0
}

// entries is the size of a map's tables and of what they lead to.
func (m *measurer) entries(v reflect.Value, depth int) int64 {
	t, n := v.Type(), v.Len()
	tables := int64(n) * (int64(t.Key().Size()+t.Elem().Size()) + mapOverhead)
	if !leads(t.Key()) && !leads(t.Elem()) {
		return tables
	}
	sum, looked := int64(0), 0
	for it := v.MapRange(); looked < sizeSample && it.Next(); looked++ {
		sum += m.beyond(it.Key(), depth+1) + m.beyond(it.Value(), depth+1)
	}
	return tables + extrapolate(sum, looked, n)
}

func extrapolate(sum int64, looked, n int) int64 {
	if looked == 0 {
		return 0
	}
	return int64(float64(sum) / float64(looked) * float64(n))
}

// leads reports whether a value of type t may lead to memory of its own.
func leads(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return true
	case reflect.Array:
		return leads(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if leads(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
