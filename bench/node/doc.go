// Package node is a process that takes part in measurements of the shared cache: the product's, or
// a rival's. It does what lines of its input say and answers with lines of its output:
//
//	ask KEY CALLERS MS         CALLERS ask for KEY, whose load takes MS: "loading KEY", "asked KEY {…}"
//	cancel KEY                 those callers give up
//	fill PREFIX N              writes N keys: "filled PREFIX"
//	hold PREFIX N              has them in its memory: "held PREFIX"
//	watch PREFIX N FILE        waits for each to go, notes when: "watching PREFIX", "watched PREFIX"
//	remove PREFIX N US FILE    removes one each US microseconds, notes when: "removed PREFIX"
//	tag PREFIX N TAGS MS       writes N values for MS under one of TAGS tags each: "tagged PREFIX"
//	clear TAG                  clears a tag: "cleared TAG {…}"
//	figures NAME               what it holds: "figures NAME {…}"
//
// It ends with its input.
package node
