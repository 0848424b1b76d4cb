package metrics

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// cpuMeter measures how busy the processors were between two readings.
type cpuMeter struct {
	busy, total, ratio float64
	known              bool // ratio is of an interval
}

// mark begins an interval.
func (m *cpuMeter) mark() { m.busy, m.total = cpuTimes() }

// cpuTimes returns the seconds that all processors were busy, and all seconds.
func cpuTimes() (busy, total float64) {
	all, err := cpu.Times(false)
	if err != nil || len(all) == 0 {
		return 0, 0
	}
	t := all[0]
	// Guest time is in user time already.
	total = t.User + t.System + t.Idle + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal
	return total - t.Idle - t.Iowait, total
}

// read ends an interval and begins the next. An interval without a tick of the clock
// repeats the one before.
func (m *cpuMeter) read(b *readings) {
	busy, total := cpuTimes()
	if total > m.total {
		m.ratio = min(max((busy-m.busy)/(total-m.total), 0), 1)
		m.busy, m.total, m.known = busy, total, true
	}
	if m.known {
		b.gauge(descCPU, m.ratio)
	}
	b.gauge(descCPUs, float64(runtime.NumCPU()))
}

func (b *readings) memory() {
	vm, err := mem.VirtualMemory()
	if err != nil || vm.Total == 0 {
		return
	}
	b.gauge(descMemTotal, float64(vm.Total))
	b.gauge(descMemFree, float64(vm.Available))
	used, limit := float64(vm.Total-min(vm.Available, vm.Total)), float64(vm.Total)
	if inUse, most, ok := containerMemory(vm.Total); ok {
		used, limit = inUse, most
	}
	b.gauge(descMemLimit, limit)
	b.gauge(descMem, min(used/limit, 1))
}

// containerMemory returns the memory that counts against the container's limit, and the
// limit, where there is one below the machine's memory.
func containerMemory(machine uint64) (used, limit float64, ok bool) {
	most, err := memlimit.FromCgroup()
	if err != nil || most == 0 || most >= machine {
		return 0, 0, false
	}
	used, err = containerUse("/proc/self/cgroup", "/sys/fs/cgroup")
	return used, float64(most), err == nil
}

// containerUse reads the memory in use less the file cache that the kernel can take back.
func containerUse(membership, root string) (float64, error) {
	groups, err := os.ReadFile(membership)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[0] == "0" && fields[1] == "":
			return groupUse(root, fields[2], "memory.current", "inactive_file")
		case strings.Contains(fields[1], "memory"):
			return groupUse(filepath.Join(root, "memory"), fields[2], "memory.usage_in_bytes", "total_inactive_file")
		}
	}
	return 0, errors.New("no memory group")
}

// groupUse looks in the group of the process, which inside a container is the root.
func groupUse(root, group, file, cacheKey string) (float64, error) {
	dir := filepath.Join(root, group)
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		dir = root
		if text, err = os.ReadFile(filepath.Join(dir, file)); err != nil {
			return 0, err
		}
	}
	used, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		return 0, err
	}
	stat, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return used, nil //nolint:nilerr // without it the figure is a little high
	}
	for line := range strings.Lines(string(stat)) {
		if value, found := strings.CutPrefix(line, cacheKey+" "); found {
			if cached, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
				used = max(used-cached, 0)
			}
		}
	}
	return used, nil
}

func (b *readings) disk(dir string) {
	if usage, err := usageOf(dir); err == nil && usage.Total > 0 {
		b.gauge(descDiskUse, usage.UsedPercent/100)
		b.gauge(descDiskTotal, float64(usage.Total))
		b.gauge(descDiskFree, float64(usage.Free))
	}
	counters, err := disk.IOCounters()
	if err != nil {
		return
	}
	var read, written float64
	for name, c := range counters {
		if wholeDisk(name) {
			read += float64(c.ReadBytes)
			written += float64(c.WriteBytes)
		}
	}
	b.counter(descDiskRead, read)
	b.counter(descDiskWritten, written)
}

// usageOf measures the file system of dir, or of its nearest parent that exists.
func usageOf(dir string) (*disk.UsageStat, error) {
	for {
		usage, err := disk.Usage(dir)
		parent := filepath.Dir(dir)
		if err == nil || parent == dir {
			return usage, err
		}
		dir = parent
	}
}

// wholeDisk reports whether name is a disk and not a part of one or a layer over one, which
// would count bytes twice.
func wholeDisk(name string) bool {
	for _, layer := range []string{"loop", "ram", "zram", "dm-", "md", "sr"} {
		if strings.HasPrefix(name, layer) {
			return false
		}
	}
	if _, err := os.Stat("/sys/block"); err != nil {
		return true // not Linux, where only disks are listed
	}
	return exists(filepath.Join("/sys/block", name))
}

func (b *readings) network() {
	counters, err := net.IOCounters(true)
	if err != nil {
		return
	}
	var in, out float64
	for _, c := range counters {
		if c.Name != "lo" && c.Name != "lo0" {
			in += float64(c.BytesRecv)
			out += float64(c.BytesSent)
		}
	}
	b.counter(descNetIn, in)
	b.counter(descNetOut, out)
}

func (b *readings) load() {
	if avg, err := load.Avg(); err == nil {
		b.gauge(descLoad1, avg.Load1)
		b.gauge(descLoad5, avg.Load5)
		b.gauge(descLoad15, avg.Load15)
	}
	if text, err := os.ReadFile("/proc/sys/fs/file-nr"); err == nil {
		if fields := bytes.Fields(text); len(fields) == 3 {
			if n, err := strconv.ParseFloat(string(fields[0]), 64); err == nil {
				b.gauge(descSysFiles, n)
			}
		}
	}
}

func (b *readings) process() {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return
	}
	if t, err := p.Times(); err == nil {
		b.counter(descProcCPU, t.User+t.System)
	}
	if m, err := p.MemoryInfo(); err == nil {
		b.gauge(descRSS, float64(m.RSS))
		b.gauge(descVMS, float64(m.VMS))
	}
	if n, err := p.NumFDs(); err == nil {
		b.gauge(descFDs, float64(n))
	}
	if limits, err := p.Rlimit(); err == nil {
		for _, l := range limits {
			if l.Resource == process.RLIMIT_NOFILE && l.Soft > 0 && l.Soft < math.MaxInt64 {
				b.gauge(descMaxFDs, float64(l.Soft))
			}
		}
	}
	if n, err := p.NumThreads(); err == nil {
		b.gauge(descThreads, float64(n))
	}
	if ms, err := p.CreateTime(); err == nil {
		b.gauge(descStart, float64(ms)/1000)
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if anon, ok := statusBytes(status, "RssAnon"); ok {
			b.gauge(descRSSAnon, anon)
		}
		if file, ok := statusBytes(status, "RssFile"); ok {
			b.gauge(descRSSFile, file)
		}
	}
}

// statusBytes finds a size in the text of /proc/PID/status, "RssAnon:	 1234 kB".
func statusBytes(status []byte, key string) (float64, bool) {
	for line := range bytes.Lines(status) {
		rest, found := bytes.CutPrefix(line, []byte(key+":"))
		if !found {
			continue
		}
		number, kb := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(" kB"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 50)
		return float64(n) * 1024, kb && err == nil
	}
	return 0, false
}

// runtime reads the Go runtime without stopping the world.
func (b *readings) runtime() {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
	}
	metrics.Read(samples)
	number := func(i int) float64 {
		switch v := samples[i].Value; v.Kind() {
		case metrics.KindUint64:
			return float64(v.Uint64())
		case metrics.KindFloat64:
			return v.Float64()
		default:
			return 0
		}
	}
	b.gauge(descGoroutine, number(0))
	b.gauge(descHeapLive, number(1))
	b.counter(descGCs, number(2))
	b.counter(descGCCPU, number(3))
}
