package netaddr_test

import (
	"net/netip"
	"testing"

	"github.com/sentientcore/upshift/internal/netaddr"
)

func TestIsMetadata(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"169.254.169.254": true, "::ffff:169.254.169.254": true, "64:ff9b::a9fe:a9fe": true, "2002:a9fe:a9fe::1": true,
		"::169.254.169.254": true, "fd00:ec2::254": true, "fd00:ec2::23": true, "fd20:ce::254": true, "100.100.100.200": true,
		"fe80::a9fe:a9fe%eth0": true, "127.0.0.1": false, "::1": false, "::": false, "10.0.0.1": false, "93.184.216.34": false,
	} {
		if got := netaddr.IsMetadata(netaddr.Unwrap(netip.MustParseAddr(text))); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}
