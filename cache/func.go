package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"sync"
	"unsafe"
)

const (
	// MaxArgumentDepth is how deep the argument of a cached function may be nested or linked.
	MaxArgumentDepth = 64

	// maxPlainKey is the length up to which an argument is the key as it is.
	maxPlainKey = 256
	// maxArgumentBytes bounds an argument written out.
	maxArgumentBytes = 16 << 20
	// keptArgumentBytes is how much room for an argument written out is kept for the next one.
	keptArgumentBytes = 16 << 10
)

// Func returns fn with its results cached in c, each with opts, and one call for equal arguments
// at a time. Arguments are equal when they look the same all the way down, with pointers and
// unexported fields followed and map order set aside.
//
// The key is prefix, a colon, and the argument written out, so that [Group.ClearPattern] with
// "prefix:*" forgets a whole function; an argument that is long is written as its SHA-256. Use a
// prefix for one function of one version only: a new meaning needs a new prefix.
//
// Func returns an [ArgumentError] for a type of argument that says nothing of its meaning, such
// as a function or a channel; for what an interface holds, and for [ErrArgumentTooDeep] and
// [ErrKeyTooLong], it is the returned function that does, without calling fn.
func Func[A, R any](
	c *Cache[R], prefix string, opts EntryOptions, fn func(context.Context, A) (R, error),
) (func(context.Context, A) (R, error), error) {
	if c == nil || fn == nil {
		return nil, ErrNilFunc
	}
	if prefix == "" {
		return nil, ErrNoPrefix
	}
	if len(prefix) > MaxKeyBytes-maxPlainKey-1 {
		return nil, ErrKeyTooLong
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if err := checkArgument(reflect.TypeFor[A]()); err != nil {
		return nil, err
	}
	prefix = strings.Clone(prefix) + ":"
	calls := sync.Pool{New: func() any { return newCall[A]() }}
	return func(ctx context.Context, args A) (R, error) {
		this, _ := calls.Get().(*call[A])
		key, err := this.key(prefix, args)
		if err != nil {
			this.end(&calls)
			var none R
			return none, err
		}
		e, due := c.store.get(key, true)
		if e != nil && !due {
			this.end(&calls)
			return typed[R](e.value), nil
		}
		key = strings.Clone(key)
		this.end(&calls)
		a, err := c.further(ctx, e, key, opts, bound(fn, args))
		return typed[R](a.value), err
	}, nil
}

// bound is fn with its argument. It is apart so that only who loads has the argument on the heap.
func bound[A, R any](fn func(context.Context, A) (R, error), args A) func(context.Context) (R, error) {
	return func(ctx context.Context) (R, error) { return fn(ctx, args) }
}

// call makes the key of one call of a function, and then of others, so that a hit allocates nothing.
type call[A any] struct {
	args  A
	value reflect.Value // of args
	writer
}

func newCall[A any]() *call[A] {
	c := &call[A]{}
	c.value = reflect.ValueOf(&c.args).Elem()
	return c
}

// key is that of an argument, until end.
func (c *call[A]) key(prefix string, args A) (string, error) {
	c.args = args
	if err := c.writer.key(prefix, c.value); err != nil {
		return "", err
	}
	return unsafe.String(unsafe.SliceData(c.out), len(c.out)), nil // #nosec G103 -- read before out is written again
}

// end gives the call back for others.
func (c *call[A]) end(calls *sync.Pool) {
	var none A
	c.args = none
	if cap(c.out) > keptArgumentBytes {
		c.out = nil
	}
	calls.Put(c)
}

// argumentKey is the key of what args, a pointer to the argument, points to.
func argumentKey[A any](prefix string, args *A) (string, error) {
	var w writer
	if err := w.key(prefix, reflect.ValueOf(args).Elem()); err != nil {
		return "", err
	}
	return string(w.out), nil
}

// key writes the key of an argument.
func (w *writer) key(prefix string, arg reflect.Value) error {
	w.out = append(w.out[:0], prefix...)
	if err := w.value(arg, 0); err != nil {
		return under("args", err)
	}
	if len(w.out)-len(prefix) > maxPlainKey {
		sum := sha256.Sum256(w.out[len(prefix):])
		w.out = hex.AppendEncode(append(w.out[:len(prefix)], '#'), sum[:])
	}
	return nil
}
