package redistest

import "syscall"

// attributes have the kernel end the server with this process, however that ends.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
