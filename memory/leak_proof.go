package memory

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

// leakProfile is the runtime's search for goroutines that wait for what nothing can reach any
// more. It is there in programs built with GOEXPERIMENT=goroutineleakprofile.
const leakProfile = "goroutineleak"

func canProve() bool { return pprof.Lookup(leakProfile) != nil }

func profileRate() int64 { return int64(max(runtime.MemProfileRate, 0)) }

// prove asks the runtime, which takes a garbage collection. It returns nil where it cannot.
func prove(before []Leak, now time.Time) []Leak {
	profile := pprof.Lookup(leakProfile)
	if profile == nil {
		return nil
	}
	var text bytes.Buffer
	if err := profile.WriteTo(&text, 1); err != nil {
		return nil // a buffer takes everything
	}
	groups, err := parseStuck(text.String())
	if err != nil {
		return before
	}
	return proofs(groups, before, now)
}

// stuck are goroutines that wait at one place for ever.
type stuck struct {
	count int64
	stack []stuckFrame
}

type stuckFrame struct{ function, file, line string }

// proofs turns groups into leaks; growth is against those proved before.
func proofs(groups []stuck, before []Leak, now time.Time) []Leak {
	libs := newLibraries()
	bySite := map[string]int{}
	var leaks []Leak
	for _, g := range groups {
		site, stack := g.site(libs)
		at, ok := bySite[site]
		if !ok {
			at = len(leaks)
			bySite[site] = at
			leaks = append(leaks, Leak{
				Kind: LeakGoroutine, Site: site, Confidence: LeakConfirmed, FirstSeen: now.UTC(), LastSeen: now.UTC(), Stack: stack,
			})
		}
		leaks[at].Objects += g.count
	}
	each := int64(0)
	if r := readRuntime(); r.goroutines > 0 {
		each = r.heap.StacksBytes / int64(r.goroutines)
	}
	for i := range leaks {
		l := &leaks[i]
		l.Bytes = l.Objects * each
		if old := slices.IndexFunc(before, func(b Leak) bool { return b.Site == l.Site }); old >= 0 {
			was := before[old]
			if passed := now.Sub(was.LastSeen).Seconds(); passed > 0 {
				l.GrowthObjectsPerSecond = float64(max(l.Objects-was.Objects, 0)) / passed
				l.GrowthBytesPerSecond = l.GrowthObjectsPerSecond * float64(each)
			}
			l.FirstSeen = was.FirstSeen
		}
	}
	return leaks[:min(len(leaks), maxLeaks)]
}

func (g stuck) site(libs libraries) (site string, stack []string) {
	stack = []string{}
	for _, f := range g.stack {
		if isRuntime(f.function) {
			continue
		}
		if site == "" && !libs.standard(f.function, f.file) {
			site = f.function + " " + path.Base(f.file) + ":" + f.line
		}
		stack = append(stack, f.function+" "+f.file+":"+f.line)
	}
	if site == "" && len(g.stack) > 0 {
		last := g.stack[len(g.stack)-1]
		site = last.function + " " + path.Base(last.file) + ":" + last.line
	}
	return site, stack
}

// parseStuck reads the text form of a goroutine profile: for each group a line "3 @ 0x1 0x2"
// and then, for each frame, "#", address, function+offset and file:line.
func parseStuck(text string) ([]stuck, error) {
	head, rest, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(head, leakProfile+" profile:") {
		return nil, errors.New("parse goroutineleak profile: no heading")
	}
	var groups []stuck
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 2:
		case fields[1] == "@":
			n, err := strconv.ParseInt(fields[0], 10, 48)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("parse goroutineleak profile: count %q", fields[0])
			}
			groups = append(groups, stuck{count: n})
		case fields[0] == "#" && len(fields) >= 4 && len(groups) > 0:
			f := stuckFrame{function: fields[2]}
			if plus := strings.LastIndexByte(f.function, '+'); plus > 0 {
				f.function = f.function[:plus]
			}
			place := strings.Join(fields[3:], " ")
			colon := strings.LastIndexByte(place, ':')
			if colon < 0 {
				return nil, fmt.Errorf("parse goroutineleak profile: place %q", place)
			}
			f.file, f.line = place[:colon], place[colon+1:]
			last := &groups[len(groups)-1]
			last.stack = append(last.stack, f)
		}
	}
	return groups, nil
}
