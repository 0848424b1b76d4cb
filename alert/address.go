package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/sentientcore/upshift/internal/netaddr"
)

// errForbidden marks a receiver's address that must not be called.
var errForbidden = errors.New("forbidden address")

// checkHost refuses a host that is forbidden by its very name or as an address. What a name
// resolves to is checked when it is dialled.
func checkHost(host string, allowPrivate bool) error {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	switch name {
	case "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal":
		return fmt.Errorf("must not be a cloud metadata service (%w: %s)", errForbidden, name)
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		name = "127.0.0.1"
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return checkAddr(addr, allowPrivate)
	}
	return nil
}

// checkAddr refuses metadata services, multicast and reserved addresses; and without
// allowPrivate all that are not public, also when wrapped in an IPv6 address.
func checkAddr(addr netip.Addr, allowPrivate bool) error {
	addr = netaddr.Unwrap(addr)
	switch {
	case !addr.IsValid() || addr.IsMulticast() || within(addr, reservedNets()) || netaddr.IsMetadata(addr):
		return fmt.Errorf("must not be a metadata, multicast or reserved address (%w: %s)", errForbidden, addr)
	case allowPrivate:
		return nil
	case !addr.IsGlobalUnicast() || addr.IsPrivate() || within(addr, privateNets()):
		return fmt.Errorf("must not be a loopback, private or link-local address, unless "+
			"alerts.webhook_allow_private is true (%w: %s)", errForbidden, addr)
	}
	return nil
}

// reservedNets are no addresses of a receiver anywhere.
func reservedNets() []string { return []string{"240.0.0.0/4"} }

// privateNets are special-purpose networks (RFC 6890 and its registry) that
// [netip.Addr.IsPrivate] does not know.
func privateNets() []string {
	return []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
	}
}

func within(addr netip.Addr, nets []string) bool {
	for _, text := range nets {
		if netip.MustParsePrefix(text).Contains(addr) {
			return true
		}
	}
	return false
}

// guardedDial connects to allowed addresses only. The check comes after names are resolved,
// right before the connection is made.
func guardedDial(allowPrivate bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", errForbidden, address)
		}
		return checkAddr(ap.Addr(), allowPrivate)
	}}
	return d.DialContext
}
