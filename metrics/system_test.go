package metrics

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// gathered collects once and returns the values by name.
func gathered(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return values
}

func TestSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := NewSystemCollectorFor(filepath.Join(dir, "not", "made", "yet"))
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	v := gathered(t, c)
	for _, name := range []string{
		"upshift_system_cpus", "upshift_system_memory_usage_ratio", "upshift_system_memory_total_bytes",
		"upshift_system_memory_available_bytes", "upshift_system_memory_limit_bytes", "upshift_system_disk_total_bytes",
		"upshift_process_resident_memory_bytes", "upshift_process_open_fds", "upshift_process_threads",
		"upshift_process_goroutines", "upshift_process_start_time_seconds",
	} {
		if v[name] <= 0 {
			t.Errorf("%s = %v, want more than 0", name, v[name])
		}
	}
	for name, value := range v {
		if strings.HasSuffix(name, "_ratio") && (value < 0 || value > 1) {
			t.Errorf("%s = %v, want 0 to 1", name, value)
		}
	}
	if v["upshift_system_cpus"] != float64(runtime.NumCPU()) {
		t.Errorf("cpus %v", v["upshift_system_cpus"])
	}
	if started := time.Unix(int64(v["upshift_process_start_time_seconds"]), 0); time.Since(started) < 0 || time.Since(started) > time.Hour {
		t.Errorf("started at %v", started)
	}
	if runtime.GOOS != "linux" {
		return
	}
	for _, name := range []string{
		"upshift_process_resident_anonymous_bytes", "upshift_process_resident_file_bytes", "upshift_process_max_fds",
		"upshift_process_cpu_seconds_total", "upshift_system_open_files",
	} {
		if v[name] <= 0 {
			t.Errorf("%s = %v, want more than 0", name, v[name])
		}
	}
	if v["upshift_process_resident_anonymous_bytes"] >= v["upshift_process_resident_memory_bytes"] {
		t.Errorf("anonymous memory %v of %v", v["upshift_process_resident_anonymous_bytes"], v["upshift_process_resident_memory_bytes"])
	}
}

// A reading is good for a second, however many ask.
func TestSystemReadsOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewSystemCollector()
		c.read()
		at := c.at
		time.Sleep(readAge - 1)
		if c.read(); !c.at.Equal(at) {
			t.Error("the machine is looked at again within a second")
		}
		time.Sleep(time.Nanosecond)
		if c.read(); c.at.Equal(at) {
			t.Error("the machine is not looked at again after a second")
		}
	})
}

func TestCPUMeter(t *testing.T) {
	t.Parallel()
	busy, total := cpuTimes()
	if total <= 0 || busy < 0 || busy > total {
		t.Fatalf("busy %v of %v seconds", busy, total)
	}
	m := cpuMeter{busy: busy - 1, total: total - 4} // a quarter, as if four seconds had passed
	b := &readings{}
	m.read(b)
	if !m.known || m.ratio < 0.2 || m.ratio > 0.9 || b.list[0].value != m.ratio {
		t.Errorf("ratio %v of an interval with a quarter and a moment", m.ratio)
	}
	none := cpuMeter{busy: busy, total: total + 1e9} // the clock has not ticked
	b = &readings{}
	if none.read(b); len(b.list) != 1 {
		t.Errorf("an unknown use is shown: %v", b.list)
	}
}

func TestContainerUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(path, text string) string {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("v2/app/memory.current", "5000\n")
	write("v2/app/memory.stat", "anon 1\ninactive_file 1200\n")
	write("inside/memory.current", "700\n") // a container sees its own group as the root
	write("v1/memory/app/memory.usage_in_bytes", "9000\n")
	write("v1/memory/app/memory.stat", "inactive_file 5\ntotal_inactive_file 10000\n")
	write("bad/memory.current", "many\n")
	for _, tt := range []struct {
		name, membership, root string
		want                   float64 // below 0: an error
	}{
		{"version 2", "0::/app\n", "v2", 3800},
		{"version 2 from inside", "0::/kubepods/pod7\n", "inside", 700},
		{"version 1", "5:cpu:/x\n4:memory:/app\n", "v1", 0}, // the cache is larger by a moment
		{"no group", "5:cpu:/x\nrubbish\n", "v1", -1},
		{"no file", "0::/\n", "nobody", -1},
		{"no number", "0::/\n", "bad", -1},
	} {
		got, err := containerUse(write("cgroup", tt.membership), filepath.Join(dir, tt.root))
		if err != nil {
			got = -1
		}
		if got != tt.want {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
	if _, err := containerUse(filepath.Join(dir, "nobody"), dir); err == nil {
		t.Error("no membership, no error")
	}
}

func TestStatusBytes(t *testing.T) {
	t.Parallel()
	status := []byte("Name:\tx\nRssAnon:\t     12 kB\nRssFile:\t 3\nVmSize:\tx kB\n")
	for key, want := range map[string]float64{"RssAnon": 12 * 1024, "RssFile": -1, "VmSize": -1, "Nobody": -1} {
		got, ok := statusBytes(status, key)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s = %v, want %v", key, got, want)
		}
	}
}

func TestWholeDisk(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"loop0", "ram1", "zram0", "dm-0", "md127", "sr0"} {
		if wholeDisk(name) {
			t.Errorf("%s counts as a disk", name)
		}
	}
}
