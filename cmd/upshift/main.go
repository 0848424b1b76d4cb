// Command upshift stands between agents, their model, retriever and tool backends and
// their Postgres: it shows where time goes, fixes what is safe to fix and proves the
// saving. See upshift --help; upshift demo needs no set-up.
//
// It ends with 0 when all is well, 1 after a fault, 2 when it was used wrongly (flags,
// configuration) and 3 when what it looked at is unhealthy.
package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// version is set at build time: -ldflags "-X main.version=v1.2.3".
var version = ""

// profileRate is how many allocated bytes there are to a sample of the heap profile. At the
// runtime's own 512 KiB a leak of half a MiB a minute is too few samples to tell in time.
const profileRate = 64 << 10

func main() {
	runtime.MemProfileRate = profileRate // before anything allocates: it must not change later
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// versionText is the version of this build, and "dev" when nobody said.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
