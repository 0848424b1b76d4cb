package memory

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// readProcess reads /proc/self/status.
func readProcess() (Process, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Process{}, err
	}
	return parseStatus(status)
}

// parseStatus finds the sizes in the text of /proc/PID/status, lines such as
// "RssAnon:	   1234 kB". A kernel before 4.5 has no RssAnon, which stays zero.
func parseStatus(status []byte) (Process, error) {
	var p Process
	fields := map[string]*int64{
		"VmSize": &p.VMSBytes, "VmRSS": &p.RSSBytes, "VmHWM": &p.PeakBytes, "VmSwap": &p.SwapBytes,
		"RssAnon": &p.RSSAnonBytes, "RssFile": &p.RSSFileBytes, "RssShmem": &p.RSSSharedBytes,
	}
	for line := range bytes.Lines(status) {
		key, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		into := fields[string(key)]
		if into == nil {
			continue
		}
		number, unit, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
		n, err := strconv.ParseInt(string(number), 10, 52)
		if err != nil || n < 0 || string(unit) != "kB" {
			return Process{}, fmt.Errorf("parse %s of /proc/self/status: %q", key, bytes.TrimSpace(rest))
		}
		*into = n << 10
	}
	if p.RSSBytes == 0 {
		return Process{}, fmt.Errorf("parse /proc/self/status: no VmRSS")
	}
	return p, nil
}
