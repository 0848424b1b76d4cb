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
// A generation is a random token that is never used again, without a zero byte; with RemoteAmend
// something may be added to it. The one of a name is made when it is
// first asked for, and to invalidate all that was stored under it is to drop it: whatever is
// lost, by eviction, expiry or a flush, is lost on the safe side.
type Remote interface {
	// Lookup reads the value of a key, unless key is "", and the generations of names, which it
	// makes where there is none; those it makes without a key are wanted at once, for a few seconds,
	// the others for MaxLookupAge. It must not take longer than a few dozen milliseconds, or
	// [Patience].
	Lookup(ctx context.Context, key string, names []string) (RemoteView, error)
	// Apply does ops in order and returns an error for each, nil where it was done. An operation
	// is done when its message, too, was passed on.
	Apply(ctx context.Context, ops []RemoteOp) []error
	// Run keeps the connection and the feed until ctx ends, then returns nil.
	Run(ctx context.Context, feed Feed) error
	// Stats fills in what the tier knows of itself.
	Stats() RedisStats
}

// Leaser is a [Remote] that keeps leases, by which one process at a time loads a key. A lease is
// fenced: who lost it cannot store by it any more.
type Leaser interface {
	// Lease asks for the lease of a key.
	Lease(ctx context.Context, ask RemoteLease) (RemoteHolder, error)
	// Renew has leases that are still held by those who ask last for ttl from now on.
	Renew(ctx context.Context, leases []RemoteLease, ttl time.Duration) error
}

// RemoteLease asks for a lease. It is given when nobody has one, or the one that Over tells, and
// when the key still has the version Since.
type RemoteLease struct {
	Key, Since string
	// Lease names it; it is not used again. Over is one of somebody else that is not to count.
	Lease, Over string
	TTL         time.Duration
}

// RemoteHolder says who has a lease now.
type RemoteHolder struct {
	// Lease is that of who holds it, for Left at least; who asked holds it where it is theirs. It
	// is "" where the key has another version, so that it is to be looked up again.
	Lease string
	Left  time.Duration
}

type patienceKey struct{}

// Patience is how long a [Remote] may take to answer a call with this context, where that is longer
// than usual; zero where it is not.
func Patience(ctx context.Context) time.Duration {
	until, _ := ctx.Value(patienceKey{}).(time.Time)
	return max(time.Until(until), 0)
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
	// Value, its Version and TTL are for RemoteStore and RemoteReplace; of RemoteAmend Value is the
	// generation to be.
	Value   []byte
	Version string
	TTL     time.Duration
	// Since is the version that a RemoteStore or a RemoteDiscard goes by, or the generation that a
	// RemoteAmend does.
	Since string
	// Names are the generations to keep for TTL with a value, those to drop with RemoteRenew, or the
	// one to change with RemoteAmend.
	Names []string
	// Message goes to the other processes once the operation is done; nil means none.
	Message []byte
	// Lease is the lease that a RemoteStore goes by, if any, and that ends with it, or the one that a
	// RemoteRelease gives back. Awaited goes to the other processes if any of them asked meanwhile.
	Lease   string
	Awaited []byte
}

// RemoteOpKind says what a [RemoteOp] does.
type RemoteOpKind int

// The kinds of operation.
const (
	// RemoteStore stores a value if the key still has the version Since, and the lease, if the
	// operation has one, is still held; otherwise it fails with [ErrSuperseded].
	RemoteStore RemoteOpKind = iota
	// RemoteReplace stores a value whatever the key has, and ends its lease.
	RemoteReplace
	// RemoteForget removes a value, ends its lease and leaves a mark of [RemoteMarkTTL], so that a
	// store that began before fails.
	RemoteForget
	// RemoteDiscard removes a value that is of no use, if it still has the version Since.
	RemoteDiscard
	// RemoteRenew drops the generations of Names.
	RemoteRenew
	// RemoteRelease gives a lease back.
	RemoteRelease
	// RemoteAmend puts Value in the place of a generation that still is Since, for as long as that
	// lives; otherwise it fails with [ErrSuperseded].
	RemoteAmend
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
