package cache

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Errors of this package; ask with errors.Is.
var (
	// ErrUnknownCache is wrapped by an [UnknownCacheError].
	ErrUnknownCache = errors.New("cache: unknown cache")
	// ErrNilLoader is returned for a nil load function.
	ErrNilLoader = errors.New("cache: load function is nil")
	// ErrAbsent is what a load function returns, as it is or wrapped, when its key has no value.
	// What is said of negative caching in the package comment holds for it.
	ErrAbsent = errors.New("cache: no such key")
	// ErrLoaderExited is what waiters get when the loader called runtime.Goexit.
	ErrLoaderExited = errors.New("cache: load function exited its goroutine")
	// ErrRecursiveLoad is returned to a loader that asks for the key it is loading.
	ErrRecursiveLoad = errors.New("cache: load function asked for the key it is loading")
	// ErrSuperseded is returned by [Cache.Set] when something was invalidated since the mark.
	ErrSuperseded = errors.New("cache: invalidated since the mark")
	// ErrKeyTooLong is returned for a key of more than [MaxKeyBytes].
	ErrKeyTooLong = errors.New("cache: key too long")
	// ErrTooManyKeys is wrapped by what [Cache.GetOrLoadMany] returns for more than [MaxManyKeys].
	ErrTooManyKeys = errors.New("cache: too many keys")
	// ErrNegativeTTL is wrapped by a [TTLError].
	ErrNegativeTTL = errors.New("cache: negative time to live")
	// ErrNegativeCost is returned when an entry would cost less than nothing.
	ErrNegativeCost = errors.New("cache: negative cost")
	// ErrBadPrice is returned when a price or a load time is negative or no number.
	ErrBadPrice = errors.New("cache: price and load time must be numbers of 0 or more")
	// ErrTooLarge is wrapped by a [TooLargeError].
	ErrTooLarge = errors.New("cache: value too large")
	// ErrTypeMismatch is wrapped by a [TypeError].
	ErrTypeMismatch = errors.New("cache: name in use for another type")
	// ErrBadName is returned for a name that is empty, too long or has other characters than
	// letters, digits, dot, dash and underscore.
	ErrBadName = errors.New("cache: bad name")
	// ErrBadFormat is returned by [Named] for a codec whose format has a name of more than 64 bytes.
	ErrBadFormat = errors.New("cache: name of the codec's format too long")
	// ErrTooManyCaches is returned by [Named] beyond [MaxCaches].
	ErrTooManyCaches = errors.New("cache: too many named caches")
	// ErrUnsupportedArgument is wrapped by an [ArgumentError].
	ErrUnsupportedArgument = errors.New("cache: argument type cannot make a key")
	// ErrArgumentTooDeep is returned by a cached function for an argument nested or linked
	// deeper than [MaxArgumentDepth], such as a pointer cycle.
	ErrArgumentTooDeep = errors.New("cache: argument nested too deep to make a key")
	// ErrNoPrefix is returned by [Func] without a prefix.
	ErrNoPrefix = errors.New("cache: a cached function needs a prefix")
	// ErrNilFunc is returned by [Func] without a cache or a function.
	ErrNilFunc = errors.New("cache: a cached function needs a cache and a function")
)

// UnknownCacheError says which cache was asked for and which there are.
type UnknownCacheError struct {
	Name  string
	Known []string
}

// Error names the caches there are.
func (e *UnknownCacheError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("cache: unknown cache %q (there are none)", e.Name)
	}
	return fmt.Sprintf("cache: unknown cache %q (known: %s)", e.Name, strings.Join(e.Known, ", "))
}

// Unwrap returns [ErrUnknownCache].
func (e *UnknownCacheError) Unwrap() error { return ErrUnknownCache }

// TTLError is a time to live that cannot be.
type TTLError struct{ TTL time.Duration }

// Error shows the time to live.
func (e *TTLError) Error() string {
	return fmt.Sprintf("cache: time to live must not be negative (got %s)", e.TTL)
}

// Unwrap returns [ErrNegativeTTL].
func (e *TTLError) Unwrap() error { return ErrNegativeTTL }

// TooLargeError is an entry that would not fit its cache even if that were empty.
type TooLargeError struct {
	// Bytes is what the entry would be accounted with, MaxBytes the cache's share.
	Bytes, MaxBytes int64
}

// Error shows both sizes.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("cache: entry of %d bytes is larger than the cache's %d", e.Bytes, e.MaxBytes)
}

// Unwrap returns [ErrTooLarge].
func (e *TooLargeError) Unwrap() error { return ErrTooLarge }

// TypeError is a second use of a name with another value type.
type TypeError struct {
	Name      string
	Have, Ask reflect.Type
}

// Error names both types.
func (e *TypeError) Error() string {
	return fmt.Sprintf("cache: %q holds %v, not %v", e.Name, e.Have, e.Ask)
}

// Unwrap returns [ErrTypeMismatch].
func (e *TypeError) Unwrap() error { return ErrTypeMismatch }

// PanicError is what all waiters get when a loader panics.
type PanicError struct {
	// Value is what the loader panicked with.
	Value any
	// Stack is the loader's stack. It is not part of the message, which may reach a client.
	Stack []byte
}

// Error shows the value of the panic.
func (e *PanicError) Error() string { return fmt.Sprintf("cache: load function panicked: %v", e.Value) }

// Unwrap returns the panic's value when it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ArgumentError is an argument type that a cached function cannot make a key from.
type ArgumentError struct {
	// Path leads from the argument to the part at fault, such as "args.Callback".
	Path string
	Type reflect.Type
	Why  string
}

// Error shows the path and the type.
func (e *ArgumentError) Error() string {
	return fmt.Sprintf("cache: %s of type %v cannot make a key: %s", e.Path, e.Type, e.Why)
}

// Unwrap returns [ErrUnsupportedArgument].
func (e *ArgumentError) Unwrap() error { return ErrUnsupportedArgument }
