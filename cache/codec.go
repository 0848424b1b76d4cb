package cache

import "encoding/json"

// Codec turns the values of a cache into bytes and back for the second tier. Its methods are
// called from many goroutines.
type Codec[V any] interface {
	// Format names the encoding and its version, in at most 64 bytes. A value that was stored in
	// another format is a miss.
	Format() string
	// Encode returns the bytes of a value. A value that it refuses with an error is not stored in
	// the second tier, and what its key had there is forgotten.
	Encode(value V) ([]byte, error)
	// Decode returns the value of data, which it may keep. It must take any bytes: an error, or a
	// panic, makes a miss.
	Decode(data []byte) (V, error)
}

// JSON is a [Codec] on encoding/json, for values that survive it. Version is to be raised when
// the type of the value changes its meaning.
type JSON[V any] struct{ Version string }

// Format is "json/" and the version.
func (j JSON[V]) Format() string { return "json/" + j.Version }

// Encode is [json.Marshal].
func (j JSON[V]) Encode(value V) ([]byte, error) { return json.Marshal(value) }

// Decode is [json.Unmarshal].
func (j JSON[V]) Decode(data []byte) (V, error) {
	var value V
	err := json.Unmarshal(data, &value)
	return value, err
}

// codec is a Codec without its type; nil for a cache that is in memory alone.
type codec struct {
	format string
	encode func(value any) ([]byte, error)
	decode func(data []byte) (any, error)
}

func codecOf[V any](c Codec[V]) *codec {
	if c == nil {
		return nil
	}
	return &codec{
		format: c.Format(),
		encode: func(value any) ([]byte, error) { return c.Encode(typed[V](value)) },
		decode: func(data []byte) (any, error) { return c.Decode(data) },
	}
}
