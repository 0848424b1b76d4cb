package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
)

const (
	webRepeats = 3
	webTimeout = 3 * time.Minute
)

// interactive is what the dashboard's test in a browser prints.
var interactive = regexp.MustCompile(`(?i)interactive\D*?([0-9]+(?:\.[0-9]+)?) ?ms`)

// measureWeb runs the dashboard's own test in headless Chromium against the demo, which
// prints after how many milliseconds the page is interactive.
func measureWeb(ctx context.Context, r *rig) error {
	web := filepath.Join(r.root, "web")
	test, err := timingTest(web)
	if err != nil {
		return err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return err
	}
	var times []float64
	for range r.times(webRepeats) {
		p, err := r.Start(proc.Command{
			Name: "web test", Path: node, Args: []string{"test/run.mjs", test}, Dir: web, OnOrphan: 15,
			Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "TMPDIR=" + r.dir},
		})
		if err != nil {
			return err
		}
		bounded, cancel := context.WithTimeout(ctx, webTimeout)
		select {
		case <-p.Ended():
		case <-bounded.Done():
		}
		cancel()
		if err := p.Stop(10 * time.Second); err != nil {
			return err
		}
		if code := p.ExitCode(); code != 0 {
			return fmt.Errorf("the test %s failed with code %d: %s", test, code, last(p.Output(), 400))
		}
		found := interactive.FindStringSubmatch(p.Output())
		if found == nil {
			return fmt.Errorf("the test %s printed no time: %s", test, last(p.Output(), 400))
		}
		ms, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			return err
		}
		times = append(times, ms)
	}
	r.add(Row{
		Bar: "web: overview interactive", Figure: load.Median(times), Unit: "ms", Most: most(500),
		Note: "headless Chromium, median of " + numbers(times),
	})
	return nil
}

// timingTest is the name of the test that measures it.
func timingTest(web string) (string, error) {
	files, err := filepath.Glob(filepath.Join(web, "test", "*.test.ts"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if regexp.MustCompile(`(?i)interactive.*\bms\b`).Match(text) {
			return filepath.Base(file[:len(file)-len(".test.ts")]), nil
		}
	}
	return "", errors.New("no test in web/test prints when the page is interactive")
}

// last is the end of a text.
func last(text string, n int) string { return text[max(0, len(text)-n):] }
