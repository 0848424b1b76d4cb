// Package contest puts Upshift's cache and its rivals behind one small face, so that they can be
// given the same accesses. Each works off what it has queued before it is asked again, so that
// none holds more than its maximum.
package contest
