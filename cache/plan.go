package cache

// plan is a way to decide what leaves. All plans work on the same queues, so that a cache can
// change from one to another.
type plan struct {
	name string
	// probation is the share of the entries, and of the bytes, that are on probation.
	probation float64
	// again keeps what was used on probation there, as if it was new, instead of moving it to the
	// main queue.
	again bool
	// returns is how often a key must have been met lately to skip probation; zero: it never does.
	returns int
	// contest lets an entry that is at the end of its probation stay only when it is better than
	// the one that would leave instead, with its key met more often by more than margin.
	contest bool
	margin  int
	// worth goes by what an entry saves and by the room it takes, not only by how often it is used.
	worth bool
}

// plans are those a cache chooses from; the first is in force until it knows better. No single
// one is good enough: see docs/adr/0013.
//
// "worth" is W-TinyLFU (Einziger, Eytan, Friedman, Manes: Adaptive software cache management,
// Middleware 2018) over GreedyDual-Size-Frequency (Cherkasova 1998) in classes, as CAMP has them
// (Ghandeharizadeh, Irani, Lam, Yap, Middleware 2014). "frequency" is W-TinyLFU that rather keeps what
// it has, which is what a loop over more than fits needs. The two with probation are S3-FIFO (Yang,
// Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023), with a
// sketch for its ghosts. "recency" is CLOCK, which is nearly least recently used.
var plans = [...]plan{
	{name: "worth", probation: 0.01, again: true, contest: true, worth: true},
	{name: "frequency", probation: 0.01, again: true, contest: true, margin: 1},
	{name: "probation", probation: 0.1, returns: 2},
	{name: "long_probation", probation: 0.5, returns: 2},
	{name: "recency", probation: 1, again: true},
}
