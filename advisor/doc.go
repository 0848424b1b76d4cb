// Package advisor judges: it turns one [Snapshot] of all parts into a health
// [Health] with every lost point named, and into [Finding]s that carry evidence,
// expected gain, risk and what to do.
//
// Use it where the Stats of all parts come together, or offline on a stored
// Snapshot: [Score] and [Findings] are pure functions of that one value, so a bug
// report is the value as JSON and a test is a golden file.
//
//	health := advisor.Score(snapshot)
//	for _, f := range advisor.Findings(snapshot) {
//		fmt.Println(f.Priority, f.Title, f.Evidence)
//	}
//
// It reads no clock, opens nothing and changes nothing. Carrying a finding out, and
// measuring what it did, is not built yet.
package advisor
