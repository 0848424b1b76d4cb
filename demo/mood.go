package demo

import "time"

// Mood is how a replica behaves.
type Mood uint8

// The moods of a replica.
const (
	// Steady answers at the replica's own speed.
	Steady Mood = iota
	// Slow answers everything, slowFactor times slower.
	Slow
	// Failing answers 500 to everything and 503 to health checks.
	Failing
)

// slowFactor is how much longer a slow replica takes.
const slowFactor = 5

// String returns steady, slow or failing.
func (m Mood) String() string { return [...]string{"steady", "slow", "failing"}[m] }

// moodPeriod is how long the schedule of misbehaviour is.
const moodPeriod = 3 * time.Minute

// MoodAt is the schedule of the replica that misbehaves, elapsed after its start: steady,
// slow from 0:45, failing from 1:15, steady again from 1:35, and so on every three minutes.
func MoodAt(elapsed time.Duration) Mood {
	switch at := elapsed % moodPeriod; {
	case at < 45*time.Second:
		return Steady
	case at < 75*time.Second:
		return Slow
	case at < 95*time.Second:
		return Failing
	default:
		return Steady
	}
}

// alwaysSteady is the schedule of a replica that does not misbehave.
func alwaysSteady(time.Duration) Mood { return Steady }
