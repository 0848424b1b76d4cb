package pgtest

import "syscall"

// endWithParent has the kernel stop the server when this process ends, however it ends. An
// immediate shutdown ends the server's children and releases its shared memory.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = immediateShutdown }
