package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/proc"
)

const (
	diskKills     = 5
	diskEntries   = 1_000_000
	restartOpen   = 1.0  // seconds
	restartHits   = 95.0 // % of the hit ratio before
	restartLasted = 5 * time.Second
)

// measureRestart kills a process with a disk tier under load and starts it again, several times. Its
// hit ratio in the second from when the directory is open is compared with that of the last second
// before the kill. Its memory holds one entry in a hundred, so nearly all hits are the disk's.
func measureRestart(ctx context.Context, r *rig) error {
	entries := diskEntries
	if r.quick {
		entries /= 10
	}
	dir := filepath.Join(r.dir, "disk")
	p, err := r.diskChild(dir, entries)
	if err != nil {
		return err
	}
	if _, err := p.figure(ctx, "open "); err != nil {
		return err
	}
	if _, err := p.Line(ctx, "filled"); err != nil {
		return err
	}
	var opened, kept []float64
	for life := range r.times(diskKills) {
		if err := p.Pause(ctx, r.length(restartLasted)); err != nil {
			return err
		}
		before, err := p.figure(ctx, "hits ") // the last second
		if err != nil {
			return err
		}
		p.Kill()
		if p, err = r.diskChild(dir, entries); err != nil {
			return err
		}
		took, err := p.figure(ctx, "open ")
		if err != nil {
			return err
		}
		after, err := p.figure(ctx, "hits ")
		if err != nil {
			return err
		}
		if before == 0 {
			return errors.New("nothing was found before the kill")
		}
		r.progress("life %d: open after %.2f s, hits %.1f %% before, %.1f %% after", life+1, took, before, after)
		opened, kept = append(opened, took), append(kept, 100*after/before)
	}
	slices.Sort(opened)
	slices.Sort(kept)
	r.add(Row{
		Bar: "restart: directory open again, median", Figure: opened[len(opened)/2], Unit: "s", Most: most(restartOpen),
		Note: fmt.Sprintf("%d entries, best %.2f, worst %.2f", entries, opened[0], opened[len(opened)-1]),
	})
	r.add(Row{
		Bar: "restart: hit ratio of the first second, least", Figure: kept[0], Unit: "%", Least: least(restartHits),
		Note: "of that before kill -9, counted from when the directory is open",
	})
	return nil
}

// diskChild is a child in the role diskload.
type diskChild struct{ *proc.Process }

func (r *rig) diskChild(dir string, entries int) (diskChild, error) {
	p, err := r.Start(proc.Command{Name: "disk", Path: r.self, Args: []string{roleArg, "diskload", strconv.Itoa(entries), dir}})
	return diskChild{p}, err
}

// figure is the last one that the child has said behind a word; it waits for the first.
func (c diskChild) figure(ctx context.Context, word string) (float64, error) {
	bounded, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	text, err := c.Line(bounded, word)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(c.Output()) {
		if rest, ok := strings.CutPrefix(line, word); ok && strings.HasSuffix(rest, "\n") {
			text = strings.TrimSpace(rest)
		}
	}
	return strconv.ParseFloat(text, 64)
}
