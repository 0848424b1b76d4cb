package alert

import (
	"errors"
	"net/netip"
	"testing"
)

func TestCheckAddr(t *testing.T) {
	t.Parallel()
	const public, private, never = "public", "private", "never"
	for text, want := range map[string]string{
		"8.8.8.8": public, "1.1.1.1": public, "2606:4700:4700::1111": public, "169.253.1.1": public, "172.32.0.1": public,
		"::ffff:8.8.8.8": public, "64:ff9b::808:808": public, "2002:808:808::1": public,

		"127.0.0.1": private, "127.8.9.10": private, "::1": private, "::": private, "0.0.0.0": private, "0.1.2.3": private,
		"10.0.0.1": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private, "fd12::1": private,
		"169.254.1.1": private, "fe80::1": private, "fe80::1%eth0": private, "100.64.0.1": private, "192.0.0.1": private,
		"198.18.0.1": private, "203.0.113.9": private, "2001:db8::1": private, "fec0::1": private,
		"::ffff:127.0.0.1": private, "::ffff:10.0.0.1": private, "::127.0.0.1": private,
		"64:ff9b::7f00:1": private, "64:ff9b::a00:1": private, "2002:7f00:1::": private, "2002:c0a8:101::": private,

		"169.254.169.254": never, "::ffff:169.254.169.254": never, "64:ff9b::a9fe:a9fe": never, "2002:a9fe:a9fe::": never,
		"::169.254.169.254": never, "169.254.170.2": never, "100.100.100.200": never, "168.63.129.16": never,
		"192.0.0.192": never, "fd00:ec2::254": never, "fd00:ec2::23": never, "fd20:ce::254": never, "fe80::a9fe:a9fe%eth0": never,
		"224.0.0.1": never, "ff02::1": never, "240.0.0.1": never, "255.255.255.255": never,
	} {
		addr := netip.MustParseAddr(text)
		strict, loose := checkAddr(addr, false), checkAddr(addr, true)
		got := public
		switch {
		case loose != nil:
			got = never
		case strict != nil:
			got = private
		}
		if got != want || (loose != nil && strict == nil) {
			t.Errorf("%s is %s (%v; allowed private: %v), want %s", text, got, strict, loose, want)
		}
		if strict != nil && !errors.Is(strict, errForbidden) {
			t.Errorf("%s: error %v is not errForbidden", text, strict)
		}
	}
	if checkAddr(netip.Addr{}, true) == nil {
		t.Error("the zero address is allowed")
	}
}
