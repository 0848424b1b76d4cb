// Package leakload is a program with places that leak and places that only look like it, on
// the real heap of a process of its own. An hour of its life takes a minute: what happens in ten
// seconds happens at once, and the detector is told the time that would have passed.
package leakload
