package balancer

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/sentientcore/upshift/internal/netaddr"
)

// schemeH2C is HTTP/2 without TLS, by prior knowledge, as gRPC servers inside a network speak it.
const schemeH2C = "h2c"

// parseServerURL reads and judges the URL of a server.
func parseServerURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("must be set, for example http://10.0.0.1:8000")
	}
	if len(raw) > 2048 {
		return nil, fmt.Errorf("must be at most 2048 characters (got %d)", len(raw))
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("must be a URL such as http://10.0.0.1:8000") // the text may hold a password
	}
	switch {
	case u.User != nil:
		return nil, errors.New("must not carry credentials; send them as a request header")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != schemeH2C:
		return nil, fmt.Errorf("must begin with http://, https:// or h2c:// (got %q)", raw)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("must name a host (got %q)", raw)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("must not have a query or a fragment (got %q)", raw)
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("must have a port between 1 and 65535 (got %q)", port)
		}
	}
	if err := checkHost(u.Hostname()); err != nil {
		return nil, err
	}
	return u, nil
}

// checkHost refuses a host that is forbidden by its very name. What a name resolves to is
// checked when it is dialled.
func checkHost(host string) error {
	switch strings.ToLower(strings.TrimSuffix(host, ".")) {
	case "metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal":
		return fmt.Errorf("%w: %s is a cloud metadata service", ErrForbiddenAddress, host)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return checkAddr(addr)
	}
	return nil
}

// checkAddr refuses link-local, multicast and unspecified addresses and the metadata
// services of the clouds, also when they are wrapped in an IPv6 address.
func checkAddr(addr netip.Addr) error {
	addr = netaddr.Unwrap(addr)
	if addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || netaddr.IsMetadata(addr) {
		return fmt.Errorf("%w: %s is a link-local, metadata, multicast or unspecified address", ErrForbiddenAddress, addr)
	}
	return nil
}

// dialControl refuses forbidden addresses once names are resolved, right before the
// connection is made, so that a name cannot change its meaning in between.
func dialControl(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrForbiddenAddress, address)
	}
	return checkAddr(ap.Addr())
}

// prefixed turns err into one that names the field, keeping its kind.
func prefixed(field string, err error) error {
	if err == nil {
		return nil
	}
	e := &FieldError{Field: field, Problem: err.Error()}
	if errors.Is(err, ErrForbiddenAddress) {
		e.Err = ErrForbiddenAddress
		e.Problem = "must not be forbidden: " + strings.TrimPrefix(err.Error(), ErrForbiddenAddress.Error()+": ")
	}
	return e
}

func itoa(i int) string { return strconv.Itoa(i) }
