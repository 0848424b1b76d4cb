package cache

import (
	"reflect"
	"unsafe"
)

// Bounds of one walk of [SizeOf].
const (
	sizeSample = 128     // elements looked into of a slice, an array or a map; an eighth in what it holds
	sizeLeast  = 4       // and so on, down to this
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
	m := measurer{seen: map[unsafe.Pointer]struct{}{}, sample: sizeSample}
	return int64(value.Type().Size()) + m.beyond(value, 0)
}

// measurer is one walk.
type measurer struct {
	seen   map[unsafe.Pointer]struct{}
	visits int
	// sample is how many elements of a container to look into.
	sample int
}

// within looks into a container of n elements: it calls look for some and extrapolates.
func (m *measurer) within(n int, look func(i int) (size int64, ok bool)) int64 {
	want, sum, looked := min(n, m.sample), int64(0), 0
	sample := m.sample
	m.sample = max(sample/8, sizeLeast)
	for ; looked < want && m.visits < sizeVisits; looked++ {
		// Spread over the whole length: what is alike is often side by side.
		size, ok := look(looked * n / want)
		if !ok {
			break
		}
		sum += size
	}
	m.sample = sample
	if looked == 0 {
		return 0
	}
	return int64(float64(sum) / float64(looked) * float64(n))
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
	if !leads(v.Type().Elem()) {
		return 0
	}
	return m.within(v.Len(), func(i int) (int64, bool) { return m.beyond(v.Index(i), depth+1), true })
}

// entries is the size of a map's tables and of what they lead to.
func (m *measurer) entries(v reflect.Value, depth int) int64 {
	t, n := v.Type(), v.Len()
	tables := int64(n) * (int64(t.Key().Size()+t.Elem().Size()) + mapOverhead)
	if !leads(t.Key()) && !leads(t.Elem()) {
		return tables
	}
	it := v.MapRange()
	return tables + m.within(n, func(int) (int64, bool) {
		if !it.Next() {
			return 0, false
		}
		return m.beyond(it.Key(), depth+1) + m.beyond(it.Value(), depth+1), true
	})
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
