package main

import (
	"context"
	"os"
	"time"
)

const (
	settle     = 10 * time.Second
	idleLength = 60 * time.Second
)

// measureIdle watches a server with one backend behind it and no requests.
func measureIdle(ctx context.Context, r *rig) error {
	file, err := os.Stat(r.product)
	if err != nil {
		return err
	}
	r.add(Row{
		Bar: "idle: size of the program", Figure: float64(file.Size()) / 1e6, Unit: "MB", Most: most(45), Note: "stripped, dashboard included",
	})
	direct, err := r.backend(ctx)
	if err != nil {
		return err
	}
	p, err := r.serve(ctx, servers(direct))
	if err != nil {
		return err
	}
	length := r.length(idleLength)
	r.progress("settling %v, then watching for %v", settle, length)
	if err := p.Pause(ctx, settle); err != nil {
		return err
	}
	before, err := p.Usage()
	if err != nil {
		return err
	}
	begun, peak := time.Now(), before.AnonymousBytes
	for time.Since(begun) < length {
		if err := p.Pause(ctx, time.Second); err != nil {
			return err
		}
		u, err := p.Usage()
		if err != nil {
			return err
		}
		peak = max(peak, u.AnonymousBytes)
	}
	after, err := p.Usage()
	if err != nil {
		return err
	}
	r.add(Row{
		Bar: "idle: memory, RssAnon", Figure: float64(peak) / (1 << 20), Unit: "MiB", Most: most(64),
		Note: "the most in " + length.String(),
	})
	r.add(Row{
		Bar: "idle: processor, share of a core", Figure: 100 * (after.CPU - before.CPU).Seconds() / time.Since(begun).Seconds(),
		Unit: "%", Most: most(1),
	})
	return nil
}
