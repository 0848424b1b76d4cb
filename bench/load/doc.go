// Package load sends HTTP requests and measures the answers.
//
// [Open] sends at times fixed in advance and counts each latency from the time at which
// the request was due, so that a slow answer delays the figures of those behind it
// instead of hiding them (no coordinated omission). [Closed] keeps a number of
// connections busy and counts what gets through. [Streams] reads Server-Sent Events and
// measures their first byte and the delay of each token.
//
// The client is one goroutine a connection on a plain socket: it costs a few
// microseconds a request, where net/http's transport would cost as much as the proxies
// that are to be measured. It speaks HTTP/1.1 to trusted servers on loopback and nothing
// else.
package load
