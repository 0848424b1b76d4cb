package api

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
)

// marshalFinite is json.Marshal for values that may hold NaN or an infinity, which JSON
// does not know: they become 0. Only a value that has one is copied.
func marshalFinite(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	var unsupported *json.UnsupportedValueError
	if !errors.As(err, &unsupported) || v == nil {
		return data, err
	}
	return json.Marshal(finite(reflect.ValueOf(v)).Interface())
}

// writeJSON encodes an answer. It cannot fail by a number, and a client that is gone
// needs no error.
func writeJSON(w io.Writer, v any) error {
	data, err := marshalFinite(v)
	if err != nil {
		return err
	}
	_, _ = w.Write(append(data, '\n'))
	return nil
}

// finite returns a deep copy of v in which every float is finite. Unexported fields are
// shared with v: JSON does not see them.
func finite(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return reflect.Zero(v.Type())
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type()).Elem()
		if v.Kind() == reflect.Interface {
			c.Set(finite(v.Elem()))
			return c
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(finite(v.Elem()))
		c.Set(p)
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(finite(v.Field(i)))
			}
		}
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(finite(v.Index(i)))
		}
		return c
	case reflect.Array:
		c := reflect.New(v.Type()).Elem()
		for i := range v.Len() {
			c.Index(i).Set(finite(v.Index(i)))
		}
		return c
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			c.SetMapIndex(it.Key(), finite(it.Value()))
		}
		return c
	default: // holds no float
	}
	return v
}
