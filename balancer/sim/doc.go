// Package sim plays traffic to a pool of servers in virtual time, to compare the ways of
// placing calls: thousands of calls a millisecond, and the same result for the same seed.
//
// A [World] is servers, faults and the patience of callers. A server is a queue in front of
// equal slots, or a replica of a language model: batches, chunked prompts, a cache of
// prefixes in bounded memory. A [Source] makes the calls ([Lognormal], [Sessions], or a
// [Trace] that was recorded), a [Policy] places them:
//
//   - [Pool] is no model of the balancer: it drives the ledger, the estimates, the ejections
//     and the strategies of package balancer themselves, through [balancer.Virtual].
//   - [Oracle] knows what nobody can know, and bounds what can be reached.
//   - [LeastTime], [PeakEWMA], [FourTerm], [LoadAware] and others are the rules that people
//     run today, for comparison.
//   - [Gateways] puts several policies beside each other that do not know each other.
//
// [World.Run] plays the source and returns the [Result].
//
// # What it does not do
//
// It models no network, no processor that gateways share with servers, and no client that
// changes its mind because of what it sees. The costs of a replica are those of one kind of
// engine: read ratios between policies in the same world, not milliseconds.
package sim
