// Package cache keeps values in memory under a bound that holds, loads each missing key
// once, and forgets by key, name, pattern or tag.
//
// A [Group] is one budget of bytes. In it live named, typed caches, each with its own time
// to live and size; [Cache] holds decoded values, so a hit costs no decoding:
//
//	group, err := cache.New(cache.Config{MaxBytes: 64 << 20})
//	if err != nil {
//		return err
//	}
//	answers, err := cache.Named(group, "answers", cache.Options[Answer]{})
//	if err != nil {
//		return err
//	}
//	a, err := answers.GetOrLoad(ctx, question, func(ctx context.Context) (Answer, error) {
//		return ask(ctx, question)
//	})
//
// [Cache.Get], [Cache.Set] and [Cache.Delete] do what they say; [EntryOptions] give one entry a
// time to live and tags. [Cache.GetOrLoadMany] has one call load what is missing of many keys.
// [Func] caches a whole function and makes the key from its argument.
//
// # The bound
//
// Room is made before a value is stored: what is accounted, in bytes and in entries, is never
// above the maximum, not even for a moment while many goroutines write. The value just being
// written is never the one to go. A value that could not fit an empty cache is refused with
// [TooLargeError].
//
// An entry is accounted with the cost of its value, its key, [EntryOverheadBytes], and for each
// tag its name and [TagOverheadBytes]. The cost comes from [Options.Cost]; without it, it is
// estimated by walking the value ([SizeOf]).
//
// Reads take no lock. What a hit touches of an entry is one line of the processor's cache, or two where
// the key is longer than 16 bytes. See docs/adr/0020.
//
// # What leaves
//
// No policy of eviction is good for all traffic, so a cache has five and plays each, for a sample of its
// keys, in a cache of the same scale without values; the one that would have saved most is in force
// ([NamedStats.Policy]). The sample takes half a megabyte at most, which is not accounted. A hit takes
// part with one word that is set, no lock and no buffer.
//
// To save is to spare loads. What a load is worth is its price: dollars, or whatever unit
// [Options.Price] or [EntryOptions.Price] gives it in, the same for all entries of a cache; without
// that the time it took, as far as times of a key agree, since a backend that is slow now and then says
// nothing of the key. Loads quicker than a millisecond count the same. Where bytes are the bound
// that is reached, an entry is worth what it saves by the byte. With equal prices and sizes what is
// saved is the hit ratio: within a point of otter's or above it on all traces tried. See
// docs/adr/0013 for the figures and bench/ for the comparison.
//
// # The shares
//
// [Config.MaxBytes] bounds the group. Each cache has a share of it and the shares never add up
// to more: a cache with max_bytes of its own gets that, as far as the budget goes; what is left
// is split equally among the others, for whom a quarter of an equal split is always kept back.
// [Config.MaxEntries] is what each cache may hold that has no max_size of its own.
//
// [Group.Optimize] moves both, bytes and entries, to where they save most load time, by the curves
// below. The sum of the entries stays what it was, as that of the bytes, and what a cache has as its
// own is neither taken nor added to. What was moved stays so in a new configuration, in proportion,
// and a new cache gets an equal part. The bounds shrink before others grow. [Group.Shares] shows
// the bytes.
//
// # Time
//
// Expired values are never returned; they leave when they are met, when room is needed, or at
// the next [Group.Cleanup], which [Group.Run] does every [Config.CleanupInterval]. While Run
// runs and the caches are read, reads share a clock of [ClockResolution], so that a hit does not
// read the system clock; a value may then be served that much beyond its time.
//
// # Stale values
//
// With [Limits.RefreshAheadRatio] a value in use is loaded anew before its time to live is over,
// with [Limits.StaleWhileRevalidate] it may be served for some time after that while it is loaded
// anew, and with [Limits.StaleIfError] when the load has failed. Only [Cache.GetOrLoad] and its
// kin serve stale values, as they can load others, and [Cache.GetOrLoadResult] says so. What is
// served does not wait: one load per key runs in the background, with the loader and the values of
// the context of the call that began it, at most [MaxRefreshes] in a cache, none for longer than
// [RefreshTimeout]. A caller who comes when the old value is over waits for that load, which then
// is a load like others. One that fails, or panics, is counted, and the next try comes
// [RetryAfter] later at the earliest. When [Group.Run] ends, what runs in the background is
// cancelled, and none begins afterwards.
//
// # Keys without a value
//
// An error of a load is not kept. One that says that the key has no value, [ErrAbsent] or what
// [Options.Absent] takes for it, is an answer: with [Limits.NegativeTTL] callers get that error for
// a while without a load. Such keys have a bound of their own, of entries and of bytes, so that a
// flood of unknown keys evicts no value. They are kept in memory alone. Whatever removes, writes
// or promotes a key ends it, also in another process that is heard, but not a load of another
// process that finds a value where neither tier had one: that is seen after NegativeTTL.
//
// # Loads and invalidations
//
// Within a process one load per key runs at a time, apart from the callers that wait for it: any
// of them may give up without harming the others, and when the last one does the load is
// cancelled. A panic or a runtime.Goexit of the loader becomes an error for all of them.
// Whatever removes or writes a key while it is being loaded wins: the loaded value goes to those
// who waited for it and is not stored, and callers who come later start a load of their own.
// A value fetched otherwise can have the same care with a [Mark]. Two loaders that wait for each
// other's keys, each begun by another caller, wait until a context ends.
//
// A tag is a counter: [Group.ClearTag] takes the same time for one entry and for a million,
// which are then dropped as they are met. The counter is read before a load starts, so a tag
// cleared during the load counts. There is no list of keys per tag that could leak, and a tag
// that no entry has is forgotten.
//
// # The second tier
//
// A group made with [NewShared] has a second tier that processes share, such as that of package
// rediscache on Redis or Valkey. A cache takes part when it has a [Codec]; one without stays in
// memory alone. Hits in memory are what they were: the second tier is asked by [Cache.GetOrLoad]
// before it loads and by [Cache.Lookup], never by [Cache.Get], which has no context.
//
// Nobody waits for a write. Values and invalidations go through a bounded queue, in their order,
// and until one has got through, the second tier is not asked for what it concerns, so that a
// process sees its own writes. A synchronous write would cost each caller a round trip, and with
// a server that hangs its timeout, for the same guarantee towards others: none but that of the
// feed. A value that finds no room is dropped and counted. An invalidation that finds none, or
// fails, is owed: the second tier is not read by this process until the whole cache concerned, or
// the tag, was invalidated there.
//
// A loaded value is stored under the generations that were read before the load, and only if the
// key still has the version it had then. So what another process invalidates or writes during the
// load wins. Clearing by name or tag drops a generation, in one step, and leaves nothing behind.
// A pattern is written into the generation: what was stored before it and matches is a miss. The last
// 32 patterns are kept there; what is older than the oldest of them is a miss, too.
//
// Of the processes that miss a key at the same time one loads it, under a lease in the second tier,
// and the others wait for the value. A load that is given up, or whose process dies, is taken over by
// one of them, within [LeaseTTL] at most; one whose process was only away cannot be stored any more.
// After a load that failed each loads for itself. What is written or invalidated during a load ends its
// lease, and who asks later loads anew. Without a second tier that answers, each process loads for
// itself, as it does with [Limits.LoadEverywhere]. Loaders that wait for each other's keys, also in
// different processes, wait until a context ends, or for some minutes at most.
//
// Each change is told to the other processes, whose memory forgets the key, name, tag or pattern,
// on loopback within a millisecond or so. When that feed is lost, which is noticed after 2 s at
// most, what memory holds of shared caches lives for [SuspectTTL] at most; when it is back, that
// memory is dropped before the second tier is read again. So the bound of staleness is about 32 s
// for a process that is cut off, and the time that a message takes for one that is not. A key
// that is invalidated leaves a mark for [RemoteMarkTTL]; where a server short of memory evicts it
// sooner, a value that was fetched without a lease may still be stored, and lives its time to live.
//
// So a process sees of a key: a value that was set or loaded, and not replaced or invalidated since;
// what the process itself did counts from when the call returned, what another did at the latest when
// its message has come, and until then it may see either. A value was loaded when its loader was
// entered, whatever comes after that wins. As nobody waits for a write, of two that different processes
// make at the same time, until their messages have come, the one that reaches the second tier later
// stays. That a value is missing is never wrong. The tests of package rediscache have porcupine check
// this on random histories with faults.
//
// Package diskcache is a second tier that is not shared: a directory, which one process has again
// after a restart. There is one second tier or none.
//
// A failing second tier is a slower cache, never an error. A value that is damaged, of another
// key, too large when unpacked or refused by the codec is a miss, is counted and deleted; one of
// another [Codec.Format] is a miss. The bytes are checked, not signed: who can write to the
// second tier can make values.
//
// # Other sizes
//
// [NamedStats.Curve] says what the hit ratio would be at a quarter of the present size up to four
// times as much. A sample of the keys, which is all of them for a small cache, is followed through
// models of these sizes, in at most [MaxCurveBytes], at most [SampleRate] lookups a second on average and
// [SampleBurst] at once; after that comes a pause, and what is asked then counts as if it was like the rest. The
// models evict as the cache does, by the plan that each would choose at its size: distances in a least recently used list, the usual way, say that
// a loop of 1,000 keys finds nothing in any smaller cache, and are points off elsewhere. What was
// cold at first counts too, so the hit ratio of a larger cache is rather better than expected. What a tag
// or a pattern invalidates of keys that the cache itself does not hold, larger models keep.
//
// # The keys of cached functions
//
// [Func] writes its argument out: booleans and integers in decimal, floats in the shortest form
// that reads back, strings and bytes quoted (above 256 bytes their length, a quote and themselves),
// times in RFC 3339 with the name of their place, lists as [a,b,], structs as {Name:a,}, maps as
// {key:a,} in the order of that text, pointers as & and what they lead to, what an interface holds
// as the name of its type with its package and (a), and nil as nil. Up to 256 bytes that is the
// key, above it is the SHA-256 of it, for which no two arguments are known to be the same. Equal
// arguments so have one key in all processes, and in the next version of the program as long as
// its fields and types keep their names. What must not be mixed, such as tenants, belongs in the
// argument.
//
// # Figures
//
// Hits, misses and the accesses of an entry are counted exactly. [NamedStats.TimeSaved] and
// [NamedStats.MoneySaved] are what the hits would have taken and cost as loads. The access times are sampled,
// one lookup in [SampleEvery], because two readings of the clock would cost more than the hit.
//
// # What it does not do yet
//
// A loader that ignores its context is waited for a second at most when [Group.Run] ends.
package cache
