//go:build !linux

package upshift

import "net"

// refuseNew does nothing here: connections that wait to be accepted are reset when ln closes.
func refuseNew(net.Listener) error { return nil }
