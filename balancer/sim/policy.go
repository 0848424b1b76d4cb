package sim

import (
	"time"
)

// Policy places calls. It is told of each attempt that it placed: when its first token came
// (of a language model's answer), and when it ended.
type Policy interface {
	// Pick returns the index of the server for the call, below 0 for none.
	Pick(now time.Duration, c *Call) int
	// First says that the first token of the answer came.
	First(now time.Duration, c *Call)
	// Done says that the attempt ended; ok is false after an error and when the caller gave up.
	Done(now time.Duration, c *Call, ok bool)
}

// Gateways spreads the calls at random over policies that do not know each other.
func Gateways(policies ...Policy) Policy { return gateways(policies) }

type gateways []Policy

func (g gateways) Pick(now time.Duration, c *Call) int {
	c.Gateway = int(mix(c.Luck^0x67617465) % uint64(len(g)))
	return g[c.Gateway].Pick(now, c)
}

func (g gateways) First(now time.Duration, c *Call) { g[c.Gateway].First(now, c) }

func (g gateways) Done(now time.Duration, c *Call, ok bool) { g[c.Gateway].Done(now, c, ok) }

// mix turns a number into random bits (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// share turns random bits into a number in [0, 1).
func share(bits uint64) float64 { return float64(bits>>11) / (1 << 53) }
