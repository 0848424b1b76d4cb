package gateway

import (
	"sync/atomic"
	"time"
)

// Stats are the figures of a [Gateway] since it was made.
type Stats struct {
	// Requests are those answered, given up and refused; ByClass is the same by status class,
	// "1xx" being upgraded connections and 499, a client that left before its answer, being
	// "4xx". An answer that the server broke off is "5xx", whatever its status was.
	Requests uint64            `json:"requests"`
	ByClass  map[string]uint64 `json:"by_class"`
	// InFlight are under way now, streams and upgraded connections included.
	InFlight int64 `json:"in_flight"`
	// Refused are those answered here for their form, by reason.
	Refused map[string]uint64 `json:"refused"`
	// ClientsGone are requests whose client left before the end of the answer.
	ClientsGone uint64 `json:"clients_gone"`
	// UpstreamErrors are requests that servers failed, by reason.
	UpstreamErrors map[string]uint64 `json:"upstream_errors"`
	Panics         uint64            `json:"panics"`
	// Streams are event streams, Upgrades upgraded connections, so far and now.
	Streams        uint64 `json:"streams"`
	StreamsActive  int64  `json:"streams_active"`
	Upgrades       uint64 `json:"upgrades"`
	UpgradesActive int64  `json:"upgrades_active"`
	// BytesIn are of request bodies, BytesOut of answers' bodies.
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
	// Cache are requests by what the cache did: hit, miss, revalidated, collapsed, bypass, …
	Cache map[string]uint64 `json:"cache"`
	// CacheStored are answers that were kept, CacheRejected those that found no room.
	CacheStored   uint64 `json:"cache_stored"`
	CacheRejected uint64 `json:"cache_rejected"`
	// SavedSeconds is the time that servers took to make the answers that came from the cache
	// instead, SavedDollars what is known of their price, that of shared requests included.
	SavedSeconds float64 `json:"saved_seconds"`
	SavedDollars float64 `json:"saved_dollars"`
	// MeanSeconds is the mean duration of requests, MeanFirstByteSeconds that to the first byte
	// of the answer, MeanOverheadSeconds what the gateway itself took until the headers.
	MeanSeconds          float64 `json:"mean_seconds"`
	MeanFirstByteSeconds float64 `json:"mean_first_byte_seconds"`
	MeanOverheadSeconds  float64 `json:"mean_overhead_seconds"`
	// Connections are open now; ConnectionsShed were closed because of max_connections.
	Connections     int64  `json:"connections"`
	ConnectionsShed uint64 `json:"connections_shed"`
	// Limited are requests refused for a limit, by its kind: requests, tokens, concurrency, overload.
	// Queued are those that wait now to be let to a server.
	Limited map[string]uint64 `json:"limited"`
	Queued  int               `json:"queued"`
	// Tenants are those with limits that came last, at most 100.
	Tenants map[string]TenantStats `json:"tenants"`
	// Pools are the pools by name.
	Pools map[string]PoolStats `json:"pools"`
	// Draining is true from the call of Shutdown on.
	Draining bool `json:"draining"`
}

// counters are the atomics behind Stats.
type counters struct {
	classes                                           [6]atomic.Uint64 // by status / 100; 0 is unused
	refused                                           [refusals]atomic.Uint64
	upstream                                          [faults]atomic.Uint64
	limited                                           [limitKinds]atomic.Uint64
	outcomes                                          [outcomes]atomic.Uint64
	clientsGone, panics, streams, upgrades            atomic.Uint64
	bytesIn, bytesOut, stored, rejected               atomic.Uint64
	shed                                              atomic.Uint64
	inFlight, streamsActive, upgradesActive, connsNow atomic.Int64
	timeSaved                                         atomic.Int64 // nanoseconds
	moneySaved                                        sum          // dollars
	duration, firstByte, overhead, queueTime          histogram
}

// refusal is a reason to answer a request without looking further.
type refusal int

const (
	refusedMethod refusal = iota
	refusedTarget
	refusedHost
	refusedHeaders
	refusedBody
	refusedVersion
	refusedLoop
	refusals
)

var refusalNames = [refusals]string{"method", "target", "host", "headers", "body", "version", "loop"}

// upstreamFault is how servers failed a request.
type upstreamFault int

const (
	faultUnavailable upstreamFault = iota // no server could take it
	faultConnect                          // none could be reached
	faultTimeout                          // none answered in time
	faultBroken                           // an answer that makes no sense, or none
	faultTruncated                        // the answer broke off
	faults
)

var faultNames = [faults]string{"unavailable", "connect", "timeout", "broken", "truncated"}

// outcome is what the cache did for a request.
type outcome int

const (
	outcomeNone        outcome = iota // there is no cache
	outcomeHit                        // answered from the cache
	outcomeCollapsed                  // answered by a request that was under way
	outcomeRevalidated                // the server confirmed the kept answer
	outcomeMiss                       // nothing is kept under the key
	outcomeVaryMiss                   // what is kept answers other headers
	outcomeStale                      // what is kept is too old
	outcomeRequest                    // the client asked for a fresh answer
	outcomeMethod                     // the method is not one that a cache answers
	outcomeBypass                     // the request must reach the server
	outcomeUnmet                      // only-if-cached, and nothing is
	outcomeStaleWhile                 // answered with what is too old, while it is fetched anew
	outcomeStaleError                 // answered with what is too old, since the servers failed
	outcomes
)

var outcomeNames = [outcomes]string{
	"none", "hit", "collapsed", "revalidated", "miss", "vary_miss", "stale", "request", "method", "bypass", "unmet",
	"stale_while_revalidate", "stale_if_error",
}

// classNames are the values of the label code, by status / 100.
var classNames = [6]string{"", "1xx", "2xx", "3xx", "4xx", "5xx"}

// Stats returns the figures.
func (g *Gateway) Stats() Stats {
	c := &g.count
	s := Stats{
		ByClass: map[string]uint64{}, Refused: named(c.refused[:], refusalNames[:]),
		UpstreamErrors: named(c.upstream[:], faultNames[:]), Cache: named(c.outcomes[1:], outcomeNames[1:]),
		InFlight: c.inFlight.Load(), ClientsGone: c.clientsGone.Load(), Panics: c.panics.Load(),
		Streams: c.streams.Load(), StreamsActive: c.streamsActive.Load(),
		Upgrades: c.upgrades.Load(), UpgradesActive: c.upgradesActive.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		CacheStored: c.stored.Load(), CacheRejected: c.rejected.Load(),
		SavedSeconds: c.secondsSaved(), SavedDollars: c.moneySaved.value(),
		MeanSeconds: c.duration.mean(), MeanFirstByteSeconds: c.firstByte.mean(), MeanOverheadSeconds: c.overhead.mean(),
		Connections: c.connsNow.Load(), ConnectionsShed: c.shed.Load(), Draining: g.draining.Load(),
	}
	s.Pools = g.poolStats()
	s.Limited = named(c.limited[:], limitNames[:])
	s.Tenants, s.Queued = g.limits.read(time.Now())
	for i := 1; i < len(classNames); i++ {
		n := c.classes[i].Load()
		s.ByClass[classNames[i]] = n
		s.Requests += n
	}
	return s
}

func named(counts []atomic.Uint64, names []string) map[string]uint64 {
	out := make(map[string]uint64, len(counts))
	for i := range counts {
		out[names[i]] = counts[i].Load()
	}
	return out
}
