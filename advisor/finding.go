package advisor

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Finding is one thing worth changing. In REST and on the command line it is called
// a recommendation.
type Finding struct {
	// ID is stable: the same fault of the same subject keeps its ID.
	ID string `json:"id"`
	// Type is the part: cache, database, memory, load_balancer or profiler.
	Type string `json:"type"`
	// Priority is critical, high, medium or low.
	Priority    string `json:"priority"`
	Title       string `json:"title"`
	Description string `json:"description"`
	// Action is what a person should do next.
	Action string `json:"action"`
	// Evidence are the figures it rests on, each with its unit.
	Evidence []string `json:"evidence"`
	// ExpectedGain says what would get better, by how much where that is known.
	ExpectedGain string `json:"expected_gain"`
	// Risk is none, low, medium or high, with its reason.
	Risk string `json:"risk"`
	// State is open as Findings returns it; who shows it may have others, such as dismissed.
	State string `json:"state"`
	// Digest changes whenever the meaning of ID does.
	Digest string `json:"digest"`
}

// rule finds at most a few things in a Snapshot. Rules are pure and live in a file
// per part.
type rule func(Snapshot) []Finding

func rules() []rule {
	return []rule{
		lowHitRatio, evictionPressure, smallCache,
		slowQueries, databaseDown, poolUtilisation, poolOverflow, indexesWorthMaking,
		memoryLeaks, highMemory, collectorNearLimit, waitingForMemory, lowPoolHitRatio,
		lowSuccess, unhealthyServers,
		slowFunctions,
	}
}

// Findings runs every rule over s, most urgent first. It is pure.
func Findings(s Snapshot) []Finding {
	found := []Finding{}
	for _, r := range rules() {
		for _, f := range r(s) {
			f.State = "open"
			f.Digest = digest(f)
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(urgency(b.Priority), urgency(a.Priority)), strings.Compare(a.ID, b.ID))
	})
	return found
}

func urgency(priority string) int {
	return slices.Index([]string{"low", "medium", "high", "critical"}, priority)
}

// digest names what applying the finding would mean: its subject and its action,
// not figures that move with every reading.
func digest(f Finding) string {
	sum := sha256.Sum256([]byte(f.ID + "\x00" + f.Action))
	return hex.EncodeToString(sum[:8])
}
