// Package replay plays recorded traffic through every strategy of a pool and says which
// would have served it best, with intervals, or why the record cannot tell.
//
// A [Log] is what a pool recorded ([FromPool]), or what was written to a file ([Read]):
// calls with their arrival, server, outcome and time. [Fit] makes models of the servers of
// it: how many calls each works on at a time, how fast it is, how often it fails, and what
// each call asked for. [Compare] plays resampled pieces of the log through the strategies
// themselves in the simulator of package sim, and returns a [Verdict]: for each strategy
// the median, the 99th percentile and the success with 90 % intervals, and a strategy to
// switch to only where the intervals are apart.
//
//	log := replay.FromPool(pool)
//	verdict, err := replay.Compare(ctx, log, replay.Options{})
//	if err != nil { … } // ErrCannotTell: drift, faults, overload, too few calls
//	fmt.Println(verdict.Message)
//
// [Watch] looks after a switch whether live traffic fares as well as before it.
//
// # What it does not do
//
// It does not judge resource_based, whose load reports are not in a log, and strategies
// whose clients behave otherwise when they are served faster. It assumes queues in front of
// equal slots, says so when the log contradicts, and refuses where servers changed while
// the log was made.
package replay
