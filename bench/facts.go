package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Facts are the circumstances of a run.
type Facts struct {
	Time   time.Time `json:"time"`
	Commit string    `json:"commit"`
	Go     string    `json:"go"`
	CPU    string    `json:"cpu"`
	Cores  int       `json:"cores"`
	Kernel string    `json:"kernel"`
	// Load is the load average of the minute before the run. Above about 0.3
	// something else is running, and the tails show it.
	Load  string `json:"load"`
	Quick bool   `json:"quick,omitempty"`
}

func (f Facts) String() string {
	s := fmt.Sprintf("%s  commit %s  %s  %d × %s  Linux %s  load %s",
		f.Time.Format(time.DateTime), f.Commit, f.Go, f.Cores, f.CPU, f.Kernel, f.Load)
	if f.Quick {
		s += "  QUICK: not to be quoted"
	}
	return s
}

// facts reads the circumstances. What cannot be read is "unknown".
func facts(ctx context.Context, o options) Facts {
	return Facts{
		Time:   time.Now().UTC().Truncate(time.Second),
		Commit: commit(ctx, o.root),
		Go:     runtime.Version(),
		CPU:    cpuModel(readOr("/proc/cpuinfo")),
		Cores:  runtime.NumCPU(),
		Kernel: readOr("/proc/sys/kernel/osrelease"),
		Load:   strings.Fields(readOr("/proc/loadavg"))[0],
		Quick:  o.quick,
	}
}

const unknown = "unknown"

func readOr(path string) string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return unknown
	}
	return strings.TrimSpace(string(text))
}

func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// commit is the short hash, with -dirty when tracked files differ from it.
func commit(ctx context.Context, root string) string {
	cmd := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(out))
}
