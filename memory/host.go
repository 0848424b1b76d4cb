package memory

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/shirou/gopsutil/v4/mem"
)

// hostAge is how long a look at the machine is good for.
const hostAge = time.Second

// hostReading is one look at the machine, the container and the process from outside.
type hostReading struct {
	system      System
	process     Process
	cgroupLimit int64
	warnings    []string
	pressure    Pressure
}

// host reads the machine at most once in hostAge.
type host struct {
	mu   sync.Mutex // guards the fields below
	at   time.Time
	last hostReading
}

// read returns a reading no older than hostAge, or a new one of the process alone when
// fresh is set.
func (h *host) read(fresh bool) hostReading {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch now := time.Now(); {
	case h.at.IsZero() || now.Sub(h.at) >= hostAge:
		h.at, h.last = now, readHost()
	case fresh:
		process, err := readProcess()
		if err != nil {
			h.last = readHost() // which tells the fault, if it lasts
			break
		}
		h.last.process = process
	}
	return h.last
}

func readHost() hostReading {
	var r hostReading
	warn := func(doing string, err error) {
		r.warnings = append(r.warnings, fmt.Sprintf("%s: %v", doing, err))
	}
	if vm, err := mem.VirtualMemory(); err != nil {
		warn("read system memory", err)
	} else {
		r.system = System{
			TotalBytes:     clampInt64(vm.Total),
			AvailableBytes: clampInt64(vm.Available),
		}
		if vm.Total > 0 {
			r.system.UsedPercent = 100 * (1 - float64(min(vm.Available, vm.Total))/float64(vm.Total))
		}
	}
	process, err := readProcess()
	if err != nil {
		warn("read process memory", err)
	}
	r.process = process
	limit, err := cgroupLimit()
	if err != nil {
		warn("read container limit", err)
	}
	r.cgroupLimit = limit
	if r.pressure, err = readPressure("/"); err != nil {
		warn("read memory pressure", err)
	}
	return r
}

// cgroupLimit returns the memory limit of the container, or 0 where there is none. It is
// read anew each time, since it can be changed while the container runs.
func cgroupLimit() (int64, error) {
	limit, err := memlimit.FromCgroup()
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup),
		errors.Is(err, memlimit.ErrCgroupsNotSupported):
		return 0, nil
	case err != nil:
		return 0, err
	case limit > math.MaxInt64/2: // the v1 way to write "none"
		return 0, nil
	}
	return int64(limit), nil
}

func clampInt64(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
