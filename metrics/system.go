package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// readAge is how long a look at the machine is good for.
const readAge = time.Second

// SystemCollector shows the machine and the process. It reads when it is collected, at
// most once a second, and has no goroutine.
type SystemCollector struct {
	dir string

	mu   sync.Mutex // guards the fields below
	at   time.Time
	last []reading
	cpu  cpuMeter
}

// reading is one number with its description.
type reading struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value float64
}

// NewSystemCollector returns a collector that shows the disk of the working directory.
func NewSystemCollector() *SystemCollector { return NewSystemCollectorFor(".") }

// NewSystemCollectorFor returns a collector that shows the disk on which dir lies, or its
// nearest parent that exists.
func NewSystemCollectorFor(dir string) *SystemCollector {
	c := &SystemCollector{dir: dir}
	c.cpu.mark()
	return c
}

func systemDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_system_"+name, help, nil, nil)
}

func processDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_process_"+name, help, nil, nil)
}

// Descriptions of the metrics; they never change.
var (
	descCPU         = systemDesc("cpu_usage_ratio", "Share of all processors in use since the reading before.")
	descCPUs        = systemDesc("cpus", "Processors.")
	descMem         = systemDesc("memory_usage_ratio", "Share of memory in use, of the container's limit where there is one.")
	descMemTotal    = systemDesc("memory_total_bytes", "Memory of the machine.")
	descMemFree     = systemDesc("memory_available_bytes", "Memory of the machine that programs can still get.")
	descMemLimit    = systemDesc("memory_limit_bytes", "Memory limit of the container, or the memory of the machine.")
	descDiskUse     = systemDesc("disk_usage_ratio", "Share in use of the file system that holds the data.")
	descDiskTotal   = systemDesc("disk_total_bytes", "Size of the file system that holds the data.")
	descDiskFree    = systemDesc("disk_free_bytes", "Free space of the file system that holds the data.")
	descDiskRead    = systemDesc("disk_read_bytes_total", "Bytes read from all disks.")
	descDiskWritten = systemDesc("disk_written_bytes_total", "Bytes written to all disks.")
	descNetIn       = systemDesc("network_receive_bytes_total", "Bytes received on all interfaces but loopback.")
	descNetOut      = systemDesc("network_transmit_bytes_total", "Bytes sent on all interfaces but loopback.")
	descLoad1       = systemDesc("load1", "Load average of one minute.")
	descLoad5       = systemDesc("load5", "Load average of five minutes.")
	descLoad15      = systemDesc("load15", "Load average of fifteen minutes.")
	descSysFiles    = systemDesc("open_files", "Open files of the machine.")

	descProcCPU   = processDesc("cpu_seconds_total", "Processor time of the process.")
	descRSS       = processDesc("resident_memory_bytes", "Resident memory of the process.")
	descRSSAnon   = processDesc("resident_anonymous_bytes", "Resident memory of the process that no file backs.")
	descRSSFile   = processDesc("resident_file_bytes", "Resident memory of the process that a file backs.")
	descVMS       = processDesc("virtual_memory_bytes", "Address space of the process.")
	descFDs       = processDesc("open_fds", "Open file descriptors of the process.")
	descMaxFDs    = processDesc("max_fds", "Most file descriptors that the process may open.")
	descThreads   = processDesc("threads", "Threads of the process.")
	descStart     = processDesc("start_time_seconds", "Time the process started, since 1970.")
	descGoroutine = processDesc("goroutines", "Goroutines that exist.")
	descHeapLive  = processDesc("heap_live_bytes", "Heap found in use by the last collection.")
	descGCs       = processDesc("gc_cycles_total", "Garbage collections.")
	descGCCPU     = processDesc("gc_cpu_seconds_total", "Processor time spent on collecting garbage, estimated by the runtime.")
)

// Describe implements prometheus.Collector.
func (c *SystemCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descCPU, descCPUs, descMem, descMemTotal, descMemFree, descMemLimit, descDiskUse, descDiskTotal, descDiskFree,
		descDiskRead, descDiskWritten, descNetIn, descNetOut, descLoad1, descLoad5, descLoad15, descSysFiles,
		descProcCPU, descRSS, descRSSAnon, descRSSFile, descVMS, descFDs, descMaxFDs, descThreads, descStart,
		descGoroutine, descHeapLive, descGCs, descGCCPU,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. What the machine does not tell is left out.
func (c *SystemCollector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range c.read() {
		ch <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value)
	}
}

// read returns readings no older than readAge.
func (c *SystemCollector) read() []reading {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.at.IsZero() || now.Sub(c.at) >= readAge {
		b := &readings{}
		c.cpu.read(b)
		b.memory()
		b.disk(c.dir)
		b.network()
		b.load()
		b.process()
		b.runtime()
		c.at, c.last = now, b.list
	}
	return c.last
}

// readings gathers one look.
type readings struct{ list []reading }

func (b *readings) gauge(d *prometheus.Desc, v float64) {
	b.list = append(b.list, reading{d, prometheus.GaugeValue, v})
}

func (b *readings) counter(d *prometheus.Desc, v float64) {
	b.list = append(b.list, reading{d, prometheus.CounterValue, v})
}
