package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/bench/proc"
)

// webTest is the dashboard's own test against the demo; it says how soon a page can be
// used.
const webTest = "demo"

// webTimeout bounds it.
const webTimeout = 5 * time.Minute

// measureWeb runs the dashboard's test in headless Chromium. Interactive is when figures
// and controls are there.
func measureWeb(ctx context.Context, r *rig) error {
	node, err := exec.LookPath("node")
	if err != nil {
		return err
	}
	p, err := r.Start(proc.Command{
		Name: "web test", Path: node, Args: []string{"test/run.mjs", webTest}, Dir: filepath.Join(r.root, "web"),
		Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir}, OnOrphan: syscall.SIGTERM,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, webTimeout)
	defer cancel()
	select {
	case <-p.Ended():
	case <-ctx.Done():
		return ctx.Err()
	}
	for i, limit := range []*float64{most(500), nil} {
		slowdown := []int{1, 4}[i]
		ms, err := usable(p.Output(), slowdown)
		if err != nil {
			return fmt.Errorf("%w: %s", err, p.Output()[max(0, len(p.Output())-400):])
		}
		r.add(Row{
			Bar: "web: overview interactive", Figure: ms, Unit: "ms", Most: limit,
			Note: fmt.Sprintf("headless Chromium, processor slowed down %d×, median of 5 loads", slowdown),
		})
	}
	faults := 0.
	if p.ExitCode() != 0 {
		faults = 1
	}
	r.add(Row{
		Bar: "web: faults of the page", Figure: faults, Most: most(0),
		Note: "axe, sideways scrolling at 390, 768 and 1280 px, policy, errors: 1 when the test failed",
	})
	return nil
}

// usable finds after how many milliseconds the page could be used.
func usable(printed string, slowdown int) (float64, error) {
	found := regexp.MustCompile(fmt.Sprintf(`CPU %dx slower.*figures and controls ([0-9.]+) ms`, slowdown)).FindStringSubmatch(printed)
	if found == nil {
		return 0, fmt.Errorf("the test %s printed no time at a processor slowed down %d×", webTest, slowdown)
	}
	return strconv.ParseFloat(found[1], 64)
}
