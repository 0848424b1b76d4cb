package cache

import (
	"context"
	"errors"
	"time"
)

// ErrRemoteUnavailable is what a [Remote] returns while it cannot be asked.
var ErrRemoteUnavailable = errors.New("cache: second tier unavailable")

// Remote is a second tier that processes share: bytes under keys, generations under names, and a
// feed of messages. Package rediscache has one on Redis and Valkey. Its methods are called from
// many goroutines.
//
// A generation is a random token that is never used again. The one of a name is made when it is
// first asked for, and to invalidate all that was stored under it is to drop it: whatever is
// lost, by eviction, expiry or a flush, is lost on the safe side.
type Remote interface {
	// Lookup reads the value of a key, unless key is "", and the generations of names, which it
	// makes where there is none. It must not take longer than a few dozen milliseconds.
	Lookup(ctx context.Context, key string, names []string) (RemoteView, error)
	// Apply does ops in order and returns an error for each, nil where it was done. An operation
	// is done when its message, too, was passed on.
	Apply(ctx context.Context, ops []RemoteOp) []error
	// Run keeps the connection and the feed until ctx ends, then returns nil.
	Run(ctx context.Context, feed Feed) error
	// Stats fills in what the tier knows of itself.
	Stats() RedisStats
}

// RemoteView is what a second tier had at one moment.
type RemoteView struct {
	// Value is nil when the key has none.
	Value []byte
	// Version names the value, or the mark that a removed one left; "" when there is neither.
	Version string
	// Generations are those of the names asked for, in their order; "" where it could not be had.
	Generations []string
}

// RemoteOp is one operation on a second tier.
type RemoteOp struct {
	Kind RemoteOpKind
	Key  string
	// Value, its Version and TTL are for RemoteStore and RemoteReplace.
	Value   []byte
	Version string
	TTL     time.Duration
	// Since is the version that a RemoteStore or a RemoteDiscard goes by.
	Since string
	// Names are the generations to keep for TTL with a value, or those to drop with RemoteRenew.
	Names []string
	// Message goes to the other processes once the operation is done; nil means none.
	Message []byte
}

// RemoteOpKind says what a [RemoteOp] does.
type RemoteOpKind int

// The kinds of operation.
const (
	// RemoteStore stores a value if the key still has the version Since; otherwise it fails with
	// [ErrSuperseded].
	RemoteStore RemoteOpKind = iota
	// RemoteReplace stores a value whatever the key has.
	RemoteReplace
	// RemoteForget removes a value and leaves a mark of [RemoteMarkTTL], so that a store that began
	// before fails.
	RemoteForget
	// RemoteDiscard removes a value that is of no use, if it still has the version Since.
	RemoteDiscard
	// RemoteRenew drops the generations of Names.
	RemoteRenew
)

const (
	// RemoteMarkTTL is how long the mark of a removed value stays.
	RemoteMarkTTL = 10 * time.Minute
	// MaxLookupAge is how long after a lookup that found nothing a value may still be stored. It is
	// well below RemoteMarkTTL, so that no mark can have come and gone in between.
	MaxLookupAge = 5 * time.Minute
)

// Feed is where a [Remote] tells what it hears. Its methods return quickly.
type Feed interface {
	// Live says that every message from now on will be delivered.
	Live()
	// Lost says that messages may be missing from now on.
	Lost(reason error)
	// Deliver hands a message of another process over.
	Deliver(message []byte)
}
