package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Pressure is how long tasks waited for memory, in percent of the time: "some" at least one,
// "full" all at once. Linux measures it (PSI), for the container where it can.
type Pressure struct {
	// Source is "cgroup" or "system"; empty where the kernel does not tell.
	Source      string  `json:"source"`
	Some10      float64 `json:"some_avg10_percent"`
	Some60      float64 `json:"some_avg60_percent"`
	Some300     float64 `json:"some_avg300_percent"`
	SomeSeconds float64 `json:"some_seconds"` // since boot
	Full10      float64 `json:"full_avg10_percent"`
	Full60      float64 `json:"full_avg60_percent"`
	Full300     float64 `json:"full_avg300_percent"`
	FullSeconds float64 `json:"full_seconds"`
}

// readPressure looks in the container's group first. Not to be told is no error: kernels
// are built and started without.
func readPressure(root string) (Pressure, error) {
	for _, place := range []struct{ source, path string }{
		{SourceCgroup, groupFile(root)},
		{SourceSystem, filepath.Join(root, "proc/pressure/memory")},
	} {
		if place.path == "" {
			continue
		}
		text, err := os.ReadFile(place.path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EOPNOTSUPP):
			continue
		case err != nil:
			return Pressure{}, err
		}
		p, err := parsePressure(string(text))
		p.Source = place.source
		return p, err
	}
	return Pressure{}, nil
}

// groupFile is the memory.pressure of the version 2 group this process is in, "" without one.
func groupFile(root string) string {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(groups)) {
		if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			// Cleaned as an absolute path it cannot lead out of the hierarchy.
			return filepath.Join(root, "sys/fs/cgroup", filepath.Clean("/"+group), "memory.pressure")
		}
	}
	return ""
}

// parsePressure reads lines such as "some avg10=0.00 avg60=0.12 avg300=0.05 total=31415", the
// total in microseconds.
func parsePressure(text string) (Pressure, error) {
	var p Pressure
	seen := false
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		into := map[string]*float64{"avg10": &p.Some10, "avg60": &p.Some60, "avg300": &p.Some300, "total": &p.SomeSeconds}
		switch kind {
		case "some":
		case "full":
			into = map[string]*float64{"avg10": &p.Full10, "avg60": &p.Full60, "avg300": &p.Full300, "total": &p.FullSeconds}
		default:
			continue // a line of a later kernel
		}
		for field := range strings.FieldsSeq(rest) {
			key, value, _ := strings.Cut(field, "=")
			to := into[key]
			if to == nil {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || key != "total" && v > 100 {
				return Pressure{}, fmt.Errorf("parse memory pressure: %s=%q", key, value)
			}
			if key == "total" {
				v /= 1e6
			}
			*to, seen = v, true
		}
	}
	if !seen {
		return Pressure{}, errors.New("parse memory pressure: nothing known in it")
	}
	return p, nil
}
