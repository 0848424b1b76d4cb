package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/sentientcore/upshift/bench/gcload"
	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
)

const (
	gcLimit = 512 << 20
	gcWork  = 3 << 30
)

// policy is one way to set the collector.
type policy struct {
	name  string
	env   []string
	tuned bool
}

// policies are the fixed ones, of which none knows the limit, and the tuner, which is last.
func policies() []policy {
	var all []policy
	for _, gogc := range []string{"50", "100", "200", "400", "800"} {
		all = append(all, policy{name: "GOGC=" + gogc, env: []string{"GOGC=" + gogc}})
	}
	return append(all, policy{
		name: "off+GOMEMLIMIT", env: []string{"GOGC=off", "GOMEMLIMIT=" + strconv.Itoa(gcLimit)},
	}, policy{name: "tuner", tuned: true})
}

// gcCell is what the rounds of one policy at one size gave.
type gcCell struct {
	cpu  []float64
	peak int64
}

func (c gcCell) within() bool { return c.peak <= gcLimit }

// measureTuner gives the same work to processes that set the collector in different ways,
// in turn. None of them is held by the kernel: what a process had at its peak tells whether
// a container of that limit would have been killed.
func measureTuner(ctx context.Context, r *rig) error {
	for _, live := range []int64{64, 160, 300} {
		cells := map[string]*gcCell{}
		for round := range r.times(r.rounds) {
			for _, p := range policies() {
				got, err := r.gcRun(ctx, p, live<<20)
				if err != nil {
					return err
				}
				if cells[p.name] == nil {
					cells[p.name] = &gcCell{}
				}
				c := cells[p.name]
				c.cpu, c.peak = append(c.cpu, got.CPUSeconds), max(c.peak, got.PeakBytes)
				r.progress("round %d: live %d MiB, %-15s %.2f CPU s, peak %d MiB, %d collections",
					round+1, live, p.name, got.CPUSeconds, got.PeakBytes>>20, got.Collections)
			}
		}
		r.gcRows(live, cells)
	}
	return nil
}

// gcRows compares the tuner with the default and with the best fixed policy that keeps the limit.
func (r *rig) gcRows(live int64, cells map[string]*gcCell) {
	tuner, standard := cells["tuner"], cells["GOGC=100"]
	bar := func(what string) string { return fmt.Sprintf("gctuner: live %d of 512 MiB, %s", live, what) }
	r.add(Row{
		Bar: bar("peak"), Figure: float64(tuner.peak) / (1 << 20), Unit: "MiB", Most: most(gcLimit >> 20),
		Rival: &Rival{"GOGC=100", float64(standard.peak) / (1 << 20)},
	})
	saved := Row{
		Bar: bar("CPU of GOGC=100 over tuner"), Figure: load.Median(ratios(standard.cpu, tuner.cpu)), Unit: "×",
		Note: "by round: " + numbers(ratios(standard.cpu, tuner.cpu)),
	}
	if live*8 <= gcLimit>>20 {
		saved.Least = least(1.5)
	}
	r.add(saved)
	best, name := (*gcCell)(nil), ""
	for _, p := range policies() {
		c := cells[p.name]
		if p.tuned || !c.within() || p.name == "off+GOMEMLIMIT" {
			continue
		}
		if best == nil || load.Median(c.cpu) < load.Median(best.cpu) {
			best, name = c, p.name
		}
	}
	if best == nil {
		r.add(Row{Bar: bar("best fixed GOGC within the limit"), Note: "none of 50, 100, 200, 400, 800 keeps it"})
	} else {
		r.add(Row{
			Bar: bar("CPU over best fixed GOGC within it"), Figure: load.Median(ratios(tuner.cpu, best.cpu)), Unit: "×",
			Most: most(1.05), Note: name + " by round: " + numbers(ratios(tuner.cpu, best.cpu)),
		})
	}
	off := cells["off+GOMEMLIMIT"]
	r.add(Row{
		Bar: bar("CPU over GOGC=off with GOMEMLIMIT"), Figure: load.Median(ratios(tuner.cpu, off.cpu)), Unit: "×",
		Note: fmt.Sprintf("its peak %d MiB", off.peak>>20),
	})
}

// gcRun runs the work once in a process of its own.
func (r *rig) gcRun(ctx context.Context, p policy, live int64) (gcload.Result, error) {
	work, mode := int64(gcWork), "fixed"
	if r.quick {
		work /= 8
	}
	if p.tuned {
		mode = "tuned"
	}
	args := []string{roleArg, "gcload", strconv.FormatInt(live, 10), strconv.FormatInt(work, 10), strconv.Itoa(gcLimit), mode}
	var result gcload.Result
	return result, r.child(ctx, p.name, args, p.env, &result)
}

// child runs this program in a role until it ends and reads the JSON that it wrote.
func (r *rig) child(ctx context.Context, name string, args, env []string, into any) error {
	process, err := r.Start(proc.Command{Name: name, Path: r.self, Args: args, Env: env})
	if err != nil {
		return err
	}
	select {
	case <-process.Ended():
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Minute):
		process.Kill()
		return fmt.Errorf("%s took over ten minutes", name)
	}
	if code := process.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d: %s", name, code, oneLine(process.Output()))
	}
	if err := json.Unmarshal([]byte(process.Output()), into); err != nil {
		return fmt.Errorf("%s said %q: %w", name, oneLine(process.Output()), err)
	}
	return nil
}
