// Command bench measures Upshift in real processes on loopback, and its cache in this one, side by
// side with rivals in the same run, and prints a line for each bar: figure, bar, PASS or MISS, and the
// rival's figure with the ratio between the two.
//
//	scripts/bench.sh               # every bar
//	scripts/bench.sh gateway sse   # some of them
//	scripts/bench.sh -quick        # all, short: to try the harness, not to quote
//
// NOISY stands in place of a verdict where the load generator itself was late: something
// else keeps the machine busy. Figures depend on the machine and on what else runs there; ratios within a run are what
// lasts. The table goes to bench/out/, with the machine, its load and the commit.
//
// It needs Linux, and upshift built in bin/. A rival whose program is not installed is
// left out by name. Nothing it starts outlives it.
package main
