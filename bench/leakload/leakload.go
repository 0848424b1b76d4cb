package leakload

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentientcore/upshift/memory"
)

// ProfileRate is what runtime.MemProfileRate must be from the first statement of main on.
const ProfileRate = 64 << 10

// Result is what an hour came to.
type Result struct {
	// Clean places there were, of which Flagged were ever suspected and Believed more than that.
	Clean    int `json:"clean"`
	Flagged  int `json:"flagged"`
	Believed int `json:"believed"`
	// Leaks there were, with the minute in which each was found, 0 if never, and the rate at the
	// end over the true one.
	Minutes []float64 `json:"minutes"`
	Rates   []float64 `json:"rates"`
	// SampleMedianMS and SampleP99MS are what one look took.
	SampleMedianMS float64 `json:"sample_median_ms"`
	SampleP99MS    float64 `json:"sample_p99_ms"`
}

const (
	stepLength = 10 * time.Second
	steps      = 360
	churnBytes = 80 << 20 // garbage in a step: 8 MiB a second
)

// Run lives an hour with the places of a seed and writes its Result as a line of JSON.
func Run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want a seed (got %q)", args)
	}
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return fmt.Errorf("seed %q is not a number", args[0])
	}
	all := places(seed)
	var reader memory.SiteReader
	var detector memory.LeakDetector
	suspected, believed := map[int]float64{}, map[int]float64{}
	var took []time.Duration
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	final := map[int]memory.Leak{}
	for step := 1; step <= steps; step++ {
		minute := float64(step) / 6
		for i, p := range all {
			p.step(makers[i], minute)
		}
		churn()
		runtime.GC()
		began := time.Now()
		detector.Observe(reader.Read(start.Add(time.Duration(step) * stepLength)))
		took = append(took, time.Since(began))
		clear(final)
		for _, l := range detector.Leaks() {
			i := placeOf(l)
			if i < 0 {
				continue
			}
			final[i] = l
			if suspected[i] == 0 {
				suspected[i] = minute
			}
			if believed[i] == 0 && l.Confidence != memory.LeakSuspect {
				believed[i] = minute
			}
		}
	}
	slices.Sort(took)
	r := Result{SampleMedianMS: ms(took[len(took)/2]), SampleP99MS: ms(took[len(took)*99/100])}
	for i, p := range all {
		if p.leak == 0 {
			r.Clean++
			r.Flagged += one(suspected[i] > 0)
			r.Believed += one(believed[i] > 0)
			continue
		}
		r.Minutes = append(r.Minutes, suspected[i])
		r.Rates = append(r.Rates, final[i].GrowthBytesPerSecond*60/mib/p.leak)
	}
	runtime.KeepAlive(all)
	return json.NewEncoder(out).Encode(r)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// churn makes garbage.
func churn() {
	var sink []byte
	for range churnBytes / 1024 {
		sink = make([]byte, 1024)
	}
	runtime.KeepAlive(sink)
}

// placeOf finds which place a leak is at, -1 for one of this program's own.
func placeOf(l memory.Leak) int {
	if l.Kind != memory.LeakHeap {
		return -1
	}
	function, _, _ := strings.Cut(l.Site, " ")
	return slices.IndexFunc(makers, func(maker func(int) []byte) bool {
		return runtime.FuncForPC(reflect.ValueOf(maker).Pointer()).Name() == function
	})
}
