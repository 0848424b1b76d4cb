//go:build !linux

package memory

import (
	"os"

	"github.com/shirou/gopsutil/v4/process"
)

// readProcess asks the system. RSSAnonBytes stays zero: only Linux tells it.
func readProcess() (Process, error) {
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return Process{}, err
	}
	info, err := self.MemoryInfo()
	if err != nil {
		return Process{}, err
	}
	return Process{RSSBytes: clampInt64(info.RSS), VMSBytes: clampInt64(info.VMS)}, nil
}
