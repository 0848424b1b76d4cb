package memory

import (
	"math"
	"time"
)

// The shape of what is kept of a site: the lowest use in each half minute of an hour.
const (
	slotWidth = 30 * time.Second
	keptSlots = 120
)

// series is the recent past of one site in bounded space. The zero value is empty.
type series struct {
	lows  []float64 // one for each slot since first; NaN where nothing was seen
	first int64     // number of the slot of lows[0]
	// grain is the weight of one profile sample in bytes: what the figures are a multiple
	// of. 0 where they are exact.
	grain float64
}

func slotOf(t time.Time) int64 { return t.UnixNano() / int64(slotWidth) }

// add takes a value in. One before the newest slot is ignored: time does not run back.
func (s *series) add(slot int64, value float64) {
	if len(s.lows) == 0 || slot-s.last() >= keptSlots {
		s.lows, s.first = append(s.lows[:0], value), slot
		return
	}
	if slot < s.last() {
		return
	}
	for s.last() < slot {
		s.lows = append(s.lows, math.NaN())
	}
	if over := len(s.lows) - keptSlots; over > 0 {
		s.lows = append(s.lows[:0], s.lows[over:]...)
		s.first += int64(over)
	}
	end := &s.lows[len(s.lows)-1]
	if math.IsNaN(*end) || value < *end {
		*end = value
	}
}

func (s *series) last() int64 { return s.first + int64(len(s.lows)) - 1 }

// points returns what was seen, oldest first, with the time in seconds since the oldest slot.
func (s *series) points() []point {
	all := make([]point, 0, len(s.lows))
	for i, v := range s.lows {
		if !math.IsNaN(v) {
			all = append(all, point{float64(i) * slotWidth.Seconds(), v})
		}
	}
	return all
}
