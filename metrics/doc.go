// Package metrics keeps what the instruments of all parts showed: it stores samples on
// local disk, answers PromQL over them, and serves Prometheus' HTTP API, so that Grafana
// and everything else that speaks to Prometheus can read them.
//
//	store, err := metrics.Open("/var/lib/upshift/metrics", metrics.Config{}, logger)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	families, _ := registry.Gather()
//	stored, err := store.Append(ctx, time.Now(), families)
//	result, err := store.Query(ctx, `rate(upshift_gateway_requests_total[5m])`, time.Now())
//
// The store is Prometheus' own time-series database and query engine, embedded. No other
// package of this module imports them.
//
// # What it promises
//
// Every sample that [Store.Append] counted is in the write-ahead log, in the hands of the
// operating system, when it returns: a killed process loses none. The log is flushed to the
// device within Append when the last flush is two seconds old or more, when a log segment of
// 1 MiB is full, and by [Store.Close]. A power failure therefore loses at most the samples
// of the last two seconds before the last Append; where Append is called less often than
// that, it loses nothing that was acknowledged.
//
// A store that finds damaged files starts nevertheless. The log is cut where it is damaged
// and what follows is kept; a damaged block, and whatever else cannot be read, is renamed to
// *.corrupt-TIME beside the store's files, logged by name, and counted. The newest five of
// these are kept. A block whose data turns out to be damaged while it is read is set aside
// in the same way and the query answered without it.
//
// One process at a time may open a directory.
//
// # Time
//
// A sample that is not newer than the last of its series is dropped and counted. After the
// clock was set back, samples are dropped until it has passed the newest one stored; the log
// says so. After the clock jumped ahead, which is noticed by comparing it with the monotonic
// clock, the first gathering is dropped and the second kept if it agrees. Retention removes a
// block only when it has been too old for an hour of running time, so that a clock that is
// wrong for a while cannot remove the history.
//
// # What it does not do
//
// It does not scrape other processes, evaluate rules, or write to a remote store. It keeps
// classic histograms only. It is not replicated.
package metrics
