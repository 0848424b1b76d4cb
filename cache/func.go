package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
)

const (
	// MaxArgumentDepth is how deep the argument of a cached function may be nested or linked.
	MaxArgumentDepth = 64

	// maxPlainKey is the length up to which an argument is the key as it is.
	maxPlainKey = 256
	// maxArgumentBytes bounds an argument written out.
	maxArgumentBytes = 16 << 20
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
	return func(ctx context.Context, args A) (R, error) {
		key, err := argumentKey(prefix, &args)
		if err != nil {
			var none R
			return none, err
		}
		return c.GetOrLoadWith(ctx, key, opts, func(ctx context.Context) (R, error) { return fn(ctx, args) })
	}, nil
}

// argumentKey is the key of what args, a pointer to the argument, points to.
func argumentKey[A any](prefix string, args *A) (string, error) {
	w := writer{out: append(make([]byte, 0, len(prefix)+maxPlainKey), prefix...)}
	if err := w.value(reflect.ValueOf(args).Elem(), 0); err != nil {
		return "", under("args", err)
	}
	if plain := len(w.out) - len(prefix); plain <= maxPlainKey {
		return string(w.out), nil
	}
	sum := sha256.Sum256(w.out[len(prefix):])
	return prefix + "#" + hex.EncodeToString(sum[:]), nil
}
