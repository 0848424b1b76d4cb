package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sentientcore/upshift/bench/causeload"
	"github.com/sentientcore/upshift/profiler/cause"
)

// measureCauses runs services with planted bottlenecks, each in a process of its own, and compares the first
// cause that is named with the planted one.
func measureCauses(ctx context.Context, r *rig) error {
	millis := "3000"
	if r.quick {
		millis = "1500"
	}
	right, planted, claims, clean := 0, 0, 0, 0
	for round := range r.times(r.rounds) {
		for _, c := range causeload.Cases() {
			var report cause.Report
			if err := r.child(ctx, "causeload", []string{roleArg, "causeload", c.Name, millis}, nil, &report); err != nil {
				return err
			}
			named := "nothing"
			if len(report.Findings) > 0 {
				f := report.Findings[0]
				named = fmt.Sprintf("%s in %s: %s", f.Kind, f.Function, f.Evidence)
			}
			verdict := "right"
			switch {
			case c.Kind == "":
				clean++
				claims += len(report.Findings)
				if len(report.Findings) > 0 {
					verdict = "WRONG"
				}
			case len(report.Findings) > 0 && report.Findings[0].Function == c.Function && report.Findings[0].Kind == c.Kind:
				planted, right = planted+1, right+1
			default:
				planted, verdict = planted+1, "WRONG"
			}
			r.progress("round %d: %s, %s: %s", round+1, verdict, c.Name, named)
		}
	}
	kinds := (len(causeload.Cases()) - clean/max(r.times(r.rounds), 1))
	r.add(Row{
		Bar: "causes: named rightly, of " + strconv.Itoa(kinds) + " planted", Figure: float64(right) / float64(planted) * float64(kinds),
		Least: least(float64(kinds) * 11 / 12), Note: fmt.Sprintf("%d of %d in all rounds", right, planted),
	})
	r.add(Row{Bar: "causes: claims on clean services", Figure: float64(claims), Most: most(0), Note: fmt.Sprintf("%d runs", clean)})
	return nil
}
