// Package balancer spreads calls over servers that do the same work.
//
// A [Pool] is an [http.RoundTripper]: put it under an [http.Client] or an
// [net/http/httputil.ReverseProxy] and each request goes to the server that the pool's
// strategy picks. [Pool.Do] does the same for any other call. Servers are added, changed,
// drained and removed while calls run; a server's counters and what was learnt about it
// are kept under its id.
//
//	pool, err := balancer.New(balancer.Config{Servers: []balancer.ServerConfig{
//		{ID: "a", URL: "http://10.0.0.1:8000"},
//		{ID: "b", URL: "http://10.0.0.2:8000", Weight: 2},
//	}})
//	if err != nil { … }
//	go pool.Run(ctx) // health checks and background drains
//	client := &http.Client{Transport: pool}
//
// # Strategies
//
//   - round_robin: one after the other.
//   - weighted_round_robin: smooth, in proportion to the weights.
//   - least_connections: fewest calls in flight per weight.
//   - least_response_time: recent mean response time × (in flight + 1) / weight. The bare
//     mean would send everything to one server until it collapses.
//   - resource_based: calls in flight per weight, priced by the load that the server
//     reports in its responses (endpoint-load-metrics as in ORCA, or X-Upshift-Load).
//     A report fades within seconds; without one the pool's mean report counts.
//   - adaptive (default): the predicted finish time of this very call, from its size class,
//     the learnt speed of each server and the work it still has, ÷ success rate³. The
//     weight is the first guess of a server's speed; what is learnt replaces it. Calls of a
//     language model that say so ([WithPrompt]) go where their prefix is known, as far as
//     the load allows: by the predicted time to the first token and to the end while the
//     replicas are calm, and by known prefixes and calls in flight when they are crowded.
//
// A price changes only when something about its server does, so a pick is one pass over
// a small array: no lock, no allocation. Up to 64 servers are all looked at, above that a
// 32 from a random place on. Equal prices are decided at random.
//
// # Health
//
// Active checks (rise, fall, jittered; HTTP, or the health service of gRPC), ejection for a
// growing time after consecutive failures, or when a server fails much more often than the others or,
// unless the strategy weighs that itself, is much slower, a cap on how many servers may be
// ejected, slow start after it, and a panic threshold: when fewer than half the servers are usable,
// health is ignored, since sending all traffic to the few left would fell them too. Maintenance is
// never ignored, and is a drain: [Pool.Run] cuts what is left at the drain timeout. A server that
// was not checked yet is usable.
//
// # Discovery
//
// Besides [Config.Servers] and [Pool.Add], [Pool.Run] finds servers in a file that it watches and
// under names of DNS, address or SRV, which it looks up again when they may have changed
// ([DiscoveryConfig]). A list with a fault, or none, changes nothing.
//
// # Counting
//
// A call counts as in flight from before its pick can be seen by the next pick until its
// response body ends: end of file, error or Close, exactly once. A cancelled call is
// neither success nor failure. Status codes 408, 429 and 5xx are failures, other 4xx are
// the client's own. The time of a response is the time until its headers plus the time its
// body kept the reader waiting, so that a slow client does not make a server look slow; of
// an event stream only the time until its headers counts; of an upgraded connection none.
//
// # Records
//
// The last 65,536 attempts are kept ([Pool.Records]), from which package replay tells which
// strategy would have served them best. [Virtual] is a pool in virtual time, for package sim.
//
// # Retries
//
// MaxRetries is the number of attempts in all. A request is sent again only when that
// cannot do harm: its method is idempotent, it carries an Idempotency-Key or someone who knows said so
// ([Config.RepeatPaths], [WithRepeatable]), or nothing of it was sent (the connection could not be
// made); its body can be replayed (none, GetBody, not yet touched, or at most 64 KiB, which are
// held); nothing of a response was handed out; and the budget allows it: five calls pay for a
// retry, a hundred of which can be saved up, and three may always be under way. Another server is
// preferred. Answers 502, 503 and 504 are worth a retry, 500, 429 and 402 on another server. An attempt
// that takes far longer than predicted is given up for another one ([Config.AttemptTimeout]); a short
// answer, and the first bytes of an event stream whose caller opted in, are read before they are handed
// out, so that one that breaks off can be repeated. After 429, 402, and 503 with Retry-After a server
// keeps a twentieth of its weight for that time.
//
// Paths that opt in ([Config.HedgePaths], [WithHedge]) are hedged: a request slower than 95 % of the
// last ones is sent to a second server too, within a budget of 3 %, and the loser is cancelled; it
// counts as slow, not as failed.
//
// The deadline of a call is that of its context, or what X-Upshift-Timeout or grpc-timeout say; each
// attempt tells the server what is left.
//
// # What it does not do
//
// It keeps no queue: when all servers are full, a call fails at once with an
// [UnavailableError] that says when to try again. It sets no limits of its own to what is in flight at a
// server but max_connections. It reads no prompts (a caller that does says so with [WithPrompt], or [WithWork]). It refuses redirects in
// health checks and never connects to link-local and cloud metadata addresses.
package balancer
