package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used.
type Usage struct {
	// CPU is processor time since the start, user and system, to 10 ms.
	CPU time.Duration
	// AnonymousBytes is resident memory that no file backs: RssAnon. Mapped blocks of the
	// metrics store are not in it; the kernel can drop those at any time.
	AnonymousBytes int64
}

// Usage reads what the process has used so far.
func (p *Process) Usage() (Usage, error) {
	cpu, err := readProc(p.PID(), "stat", parseCPU)
	if err != nil {
		return Usage{}, err
	}
	anonymous, err := readProc(p.PID(), "status", parseAnonymous)
	return Usage{CPU: cpu, AnonymousBytes: anonymous}, err
}

func readProc[T any](pid int, file string, parse func(string) (T, error)) (T, error) {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	text, err := os.ReadFile(path)
	if err != nil {
		var zero T
		return zero, err
	}
	v, err := parse(string(text))
	if err != nil {
		return v, fmt.Errorf("read %s: %w", path, err)
	}
	return v, nil
}

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// parseCPU adds utime and stime, fields 14 and 15 of proc(5). The second field is the
// program's name in parentheses and may hold spaces and parentheses.
func parseCPU(stat string) (time.Duration, error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, fmt.Errorf("no program name in %q", stat)
	}
	fields := strings.Fields(stat[end+1:])
	const utime, stime = 14 - 3, 15 - 3 // counted from field 3, the first after the name
	if len(fields) <= stime {
		return 0, fmt.Errorf("only %d fields after the name", len(fields))
	}
	var ticks int64
	for _, f := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

func parseAnonymous(status string) (int64, error) {
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, "RssAnon:")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("no RssAnon")
}
