//go:build !unix

package redistest

import "os"

// On this system a process cannot be paused; the signals are refused.
var pauseSignal, resumeSignal = os.Interrupt, os.Interrupt
