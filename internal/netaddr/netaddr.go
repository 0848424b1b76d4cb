// Package netaddr tells addresses that no request of a user's configuration may reach.
//
// Both what the load balancer calls and what alerts are sent to come from outside; a cloud's
// metadata service answers whoever can make this machine ask, so it is refused in one place,
// also when its address is written inside an IPv6 one.
package netaddr

import "net/netip"

// IsMetadata reports whether addr, unwrapped, is a metadata or credentials service of a cloud.
func IsMetadata(addr netip.Addr) bool {
	switch addr {
	case netip.AddrFrom4([4]byte{169, 254, 169, 254}), // AWS, Azure, Google, DigitalOcean, OpenStack
		netip.AddrFrom4([4]byte{169, 254, 170, 2}),                                           // AWS ECS credentials
		netip.AddrFrom4([4]byte{169, 254, 170, 23}),                                          // AWS EKS credentials
		netip.AddrFrom4([4]byte{169, 254, 0, 23}),                                            // Tencent Cloud
		netip.AddrFrom4([4]byte{100, 100, 100, 200}),                                         // Alibaba Cloud
		netip.AddrFrom4([4]byte{168, 63, 129, 16}),                                           // Azure's host
		netip.AddrFrom4([4]byte{192, 0, 0, 192}),                                             // Oracle Cloud
		netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: 0xa9, 15: 0xfe}),                     // fe80::a9fe
		netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 12: 0xa9, 13: 0xfe, 14: 0xa9, 15: 0xfe}), // OpenStack
		netip.AddrFrom16([16]byte{0: 0xfd, 2: 0x0e, 3: 0xc2, 14: 0x02, 15: 0x54}),            // AWS
		netip.AddrFrom16([16]byte{0: 0xfd, 2: 0x0e, 3: 0xc2, 15: 0x23}),                      // AWS EKS credentials
		netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x20, 3: 0xce, 14: 0x02, 15: 0x54}):            // Google
		return true
	}
	return false
}

// Unwrap returns the IPv4 address inside an IPv4-mapped, IPv4-compatible, NAT64 or 6to4
// address, and any other address without its zone.
func Unwrap(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	b := addr.As16()
	switch {
	case within(addr, "64:ff9b::/96", "64:ff9b:1::/48"):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case within(addr, "2002::/16"):
		return netip.AddrFrom4([4]byte(b[2:6]))
	case within(addr, "::/96") && !addr.IsLoopback() && !addr.IsUnspecified():
		return netip.AddrFrom4([4]byte(b[12:16]))
	}
	return addr
}

func within(addr netip.Addr, nets ...string) bool {
	for _, text := range nets {
		if netip.MustParsePrefix(text).Contains(addr) {
			return true
		}
	}
	return false
}
