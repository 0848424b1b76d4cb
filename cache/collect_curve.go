package cache

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	descCurve = desc("curve_hit_ratio",
		"Hit ratio to be expected at another size, which is scale times the present one.", "cache", "scale")
	descFollowed = desc("curve_sample_ratio", "Share of the keys that is followed for the curve.", "cache")
	descExpected = desc("expected_hit_ratio", "Hit ratio that was expected when the size was last moved.", "cache")

	curveDescs = []*prometheus.Desc{descCurve, descFollowed, descExpected}
)

// collectCurve sends what is known of other sizes of a cache.
func collectCurve(gauge func(*prometheus.Desc, float64, ...string), name string, n NamedStats) {
	gauge(descFollowed, n.SampleRatio, name)
	for _, p := range n.Curve {
		gauge(descCurve, p.HitRatio, name, strconv.FormatFloat(p.Scale, 'g', -1, 64))
	}
	if n.Expected != nil {
		gauge(descExpected, n.Expected.HitRatio, name)
	}
}
