package memory

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func line(values ...float64) []point {
	points := make([]point, len(values))
	for i, v := range values {
		points[i] = point{float64(i), v}
	}
	return points
}

func TestTrendStatistics(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		points                   []point
		kendall, slope, straight float64
	}{
		"none":       {nil, 0, 0, 0},
		"one":        {line(3), 0, 0, 0},
		"level":      {line(3, 3, 3, 3), 0, 0, 0},
		"rising":     {line(1, 3, 5, 7), 1, 2, 1},
		"falling":    {line(7, 5, 3, 1), -1, -2, 1},
		"one wild":   {line(0, 1, 2, 100, 4, 5, 6), 15.0 / 21, 1, 0.0035},
		"up, down":   {line(0, 1, 2, 1, 0), 0, 0, 0},
		"two points": {line(2, 5), 1, 3, 1},
	} {
		if got := mannKendall(tc.points); math.Abs(got-tc.kendall) > 1e-9 {
			t.Errorf("%s: Mann-Kendall %v, want %v", name, got, tc.kendall)
		}
		if got := theilSen(tc.points); math.Abs(got-tc.slope) > 1e-9 {
			t.Errorf("%s: Theil-Sen %v, want %v", name, got, tc.slope)
		}
		if got := straightness(tc.points); math.Abs(got-tc.straight) > 1e-3 {
			t.Errorf("%s: straightness %v, want %v", name, got, tc.straight)
		}
	}
}

func TestBlockMinimaAreTheLowerEnvelope(t *testing.T) {
	t.Parallel()
	got := blockMinima(line(5, 1, 9, 8, 2, 7, 3, 6, 4), 3)
	want := []point{{1, 1}, {4, 2}, {6, 3}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(point{})); diff != "" {
		t.Error(diff)
	}
	if got := blockMinima([]point{{1, 2}, {1, 3}}, 3); len(got) != 1 {
		t.Errorf("no span: %v", got)
	}
}

func TestOnsetFindsWhereGrowthBegins(t *testing.T) {
	t.Parallel()
	var points []point
	for i := range 100 {
		points = append(points, point{float64(i), 10 + 2*max(float64(i)-40, 0)})
	}
	if got := onset(points); got < 35 || got > 45 {
		t.Errorf("onset at %d, want about 40", got)
	}
	if got := onset(line(1, 2, 3, 4, 5, 6, 7, 8)); got != 0 {
		t.Errorf("onset of a straight line at %d, want 0", got)
	}
}

func TestSeriesIsBoundedAndKeepsLows(t *testing.T) {
	t.Parallel()
	var s series
	s.add(100, 5)
	s.add(100, 3)
	s.add(100, 4)
	s.add(103, 7)
	s.add(101, 1) // the past is closed
	want := []point{{0, 3}, {3 * slotWidth.Seconds(), 7}}
	if diff := cmp.Diff(want, s.points(), cmp.AllowUnexported(point{})); diff != "" {
		t.Error(diff)
	}
	for slot := int64(104); slot < 400; slot++ {
		s.add(slot, float64(slot))
	}
	if n := len(s.points()); n != keptSlots || s.last() != 399 || s.points()[0].value != 280 {
		t.Errorf("%d points, last slot %d, oldest %v", n, s.last(), s.points()[0])
	}
	s.add(1_000_000, 1)
	if n := len(s.points()); n != 1 {
		t.Errorf("%d points after a long gap, want 1", n)
	}
	if slotOf(time.Unix(61, 0)) != 2 {
		t.Error("slots are half minutes")
	}
}
