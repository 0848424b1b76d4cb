// Package memory watches the memory of the process, the machine and the container,
// collects garbage when that can help, and keeps bounded pools of buffers and objects.
//
// Use [Monitor] for figures and relief under pressure, [Monitor.Pools] for byte buffers,
// and [Pool] for objects that are dear to make.
//
//	m, err := memory.New(memory.Config{})
//	if err != nil {
//		return err
//	}
//	m.OnPressure(func(ratio float64) { caches.Shrink(ratio) })
//	result, err := m.Check(ctx) // every few minutes
//
// # What it reads
//
// The Go runtime by runtime/metrics, which never stops the world; the time of the last
// collection and the sum of its pauses by debug.ReadGCStats, which does not either. The
// machine and the kernel's view of the process are read at most once a second and kept.
// The limit is the lowest of the container's (cgroup v1 or v2), GOMEMLIMIT and the
// machine's memory.
//
// # When it collects
//
// [Monitor.Check] acts when use is over the threshold. It first asks the pressure
// callbacks and its own pools to let go of memory, and then collects only if that can
// help: when enough garbage is estimated, when callbacks may just have made some, or when
// freed pages are still held. It does not when live objects are the problem, when the
// runtime already spends much of the processor on collecting, or when the last forced
// collection freed little. The result says what was done and why.
//
// [Monitor.Run] makes such a Check within seconds of going over a limit of this process. [Guard]
// wraps a function that must not be called while memory is short.
//
// # How it tunes the collector
//
// With Config.GCTuner set, Run looks each second at live memory and at the lowest hard limit: the
// container's or Config.LimitBytes, else GOMEMLIMIT. GOMEMLIMIT is set to a share of that
// limit, less what C and others hold, and never above what the program set. While live memory
// is far from it, GOGC is what fills that budget, 100 to 800, so that collections are few; near it
// only the limit decides, and an alarm says so: no setting helps there, and a collector that
// takes half of the processor lets memory grow over GOMEMLIMIT. Each change is kept
// with its reason, and switching off or the end of Run puts back what was there. While the tuner is on,
// pressure is judged without the garbage that it lets stand.
//
// # When to use a pool
//
// A pool pays when objects are large or dear to make, short-lived, and asked for often;
// it costs a mutex, about 30 ns a round trip. It does not pay for small objects: the
// allocator is about as fast, and a pooled object that is used after Put is a bug that no
// test finds. What is kept in a pool is live memory; its bound says how much.
//
// # How it finds leaks
//
// While [Monitor.Run] runs and Config.LeakDetection is set, the heap and goroutine profiles
// are read every ten seconds and added up by place in the program. A [LeakDetector] keeps the
// lowest use of each half minute for an hour and looks for growth of that lower envelope that is
// steady, straight and goes on: a leak of half a MiB a minute shows after about twenty minutes, with its
// rate, the margin of it, and how sure that is. A cache that fills, a sawtooth, a season or a
// step do not show; what grows steadily for longer than that and then stops does, until
// it stops. Set runtime.MemProfileRate = 64 << 10 as the first statement of main: at
// the runtime's own 512 KiB small leaks take longer.
//
// # What it does not do
//
// It does not say who holds what leaks: [Leak.Stack] is where it was allocated; a [Tracker]
// shows objects by age. It finds no leaks of C or of mapped files, though [RSS] shows how much they
// take. It changes GOGC and GOMEMLIMIT only with Config.GCTuner, and cannot keep a process
// under a limit that its live memory fills.
package memory
