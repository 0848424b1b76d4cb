// Package gateway is the data plane: it stands in front of the backends and passes each
// request to the server that the load balancer picks, or answers it from the cache.
//
// A [Gateway] is an [net/http.Handler]: net/http/httputil.ReverseProxy over a caching
// [net/http.RoundTripper] over the pool. [Gateway.Server] puts it behind a server with every
// limit set; [Gateway.Shutdown] drains it:
//
//	pool, err := balancer.New(balancer.Config{Servers: servers})
//	if err != nil {
//		return err
//	}
//	gw, err := gateway.New(gateway.Config{}, gateway.Parts{Pool: pool})
//	if err != nil {
//		return err
//	}
//	srv := gw.Server()
//	go srv.Serve(listener)
//	…
//	return gw.Shutdown(ctx, srv)
//
// # What passes
//
// HTTP/1.1 and HTTP/2 from clients (without TLS: by prior knowledge, h2c) and what the pool
// speaks to servers (of balancer.Pool: HTTP/2 over TLS, HTTP/1.1 otherwise), bodies as they
// are, response trailers, informational answers (1xx), event streams token by token, WebSocket. When the
// client goes away the request to the server is cancelled at once. A body that breaks off at
// the server breaks off at the client too: a truncated answer never looks whole.
//
// Hop-by-hop headers end here. X-Forwarded-For, -Host and -Proto say what this gateway saw;
// what the client claims in them, and in the other headers with which a client could make a
// server see another host, path or method than the gateway did, is removed, as are header
// names with an underscore. X-Request-Id is kept if it is harmless and made otherwise. Any
// Upgrade but websocket is taken off the request. Request trailers are dropped.
//
// # What is refused
//
// CONNECT and TRACE, a missing or malformed Host, a target in absolute form, a path with dot
// segments or control characters, a target longer than 8 KiB, more than 128 header lines, a
// body above [Config.MaxBodyBytes], a request that came through five gateways like this one
// already. Every refusal and every fault is answered as application/problem+json and tells
// what to do, never an address or an error of the inside.
//
// # The cache
//
// With [Parts.Cache] it is a shared cache as RFC 9111 describes, in the named cache
// "responses". Only what the server declares fresh is kept (s-maxage, max-age, Expires);
// there is no heuristic. Never kept: no-store, private, Set-Cookie, Vary: *, partial or
// truncated bodies, event streams, answers with trailers, server errors, bodies above
// [Config.CacheMaxBodyBytes]. A request with credentials (Authorization, Cookie, X-Api-Key,
// Api-Key) is only answered from, and its answer only kept in, the cache if the answer says
// so: public, s-maxage or must-revalidate. Whether a request has some is decided by what the
// client sent, before the headers of the connection are taken off. With an ETag or Last-Modified
// an answer that is too old is revalidated. It is given as it is only where the server says so
// (RFC 5861) and neither must-revalidate, proxy-revalidate nor no-cache forbid it: with
// stale-while-revalidate, while one request fetches it anew, and with stale-if-error, when the
// servers fail. HEAD is answered from a kept GET, conditional requests from a fresh answer, and so is one range of it; other
// ranges go to the server. A successful unsafe request (POST, PUT, DELETE, …) forgets its target.
//
// Requests for one key that could be answered alike ride on the one under way: each gets at once
// what has come of the answer, then the rest as it comes, and none waits for a slow one. The
// request goes on until its answer is complete or the last of them has left; the one that asked
// first is no more than the others. Of an answer that becomes longer than
// [Config.CacheMaxBodyBytes] only that much stays for those who are behind; who is further behind
// is cut, and nobody joins it any more. When an answer turns out not to be shareable, each goes
// on by itself, and a key known not to be shareable is never waited for. Cache-Status (RFC 9211)
// tells what happened.
//
// # Answers to POST
//
// On the routes of [Config.CachePost] a POST that depends on itself alone is a question: its key
// is a SHA-256 over host, path, query, the members of its JSON body and every header that is not
// known to change nothing, so that who asks is always a part of it. Headers count as the client
// sent them; a request that hides some from the server, by listing them in Connection, is none.
// Only a complete 200 is kept, of which the headers that are true for whoever gets it later.
//
// An answer is kept in the form in which it came: a stream of events or one object. It is given
// byte for byte in that form, and turned into the other for OpenAI's chat completions and
// Anthropic's messages if nothing is lost by it; otherwise the servers are asked for the other
// form, which is kept beside the first. Failures go to all who waited for them.
//
// What hits spared of the servers' time and, with [Parts.Price], of money is counted.
//
// # Language models
//
// Calls of OpenAI's and Anthropic's interfaces are recognised by path and body, read as they pass and
// not changed by a byte, see package llm: model, tokens, cost by [Config.Prices], time to the first
// token, gaps, why the answer ended. X-Upshift-Agent, -Run, -Step and -Tenant, or W3C baggage, say
// whose a call is; they are passed on. [Gateway.LLM] has the accounts. An answer from the cache costs
// nothing; one that is shared is the cost of the one who asked first.
//
// # Pools
//
// With [Config.Routes] requests go to one of several pools, by path, host and the model that the body
// names. The pools of a route are tiers: the next one is tried when one cannot take the request.
//
// # Limits
//
// With [Config.Limits] and [Config.MaxConcurrency] tenants have a rate of requests, of tokens of
// language models, and a number of requests at servers; further ones wait in bounded queues, by
// priority, and what is beyond is refused with the name of the limit.
//
// # What it measures
//
// Requests by status class, durations (of an event stream: to its first byte), time to the
// first byte, what the gateway itself added, bytes, streams, upgrades, cache outcomes,
// faults of servers, clients that left ([Gateway.Stats], upshift_gateway_*), and with
// [Parts.Profiler] a function for each route: method and the first two segments of the path,
// at most [MaxRoutes] of them.
//
// # What it does not do
//
// It ends no TLS, and does not check who a client is: the labels of a request are its own claims. It
// counts no tokens, but believes what servers say. Replicas do not share limits. A log probability, a citation or what else only one
// server's format knows is not turned into the other form. It trusts no proxy in front of it to say who the client was.
package gateway
