package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/internal/netaddr"
)

// grace is what a target may take beyond the seconds that it records.
const grace = 15 * time.Second

// remotePaths are where Go services serve each kind.
var remotePaths = map[string]string{
	CPU: "/debug/pprof/profile", Wall: "/debug/fgprof", Heap: "/debug/pprof/heap", Allocs: "/debug/pprof/allocs",
	Goroutine: "/debug/pprof/goroutine", Block: "/debug/pprof/block", Mutex: "/debug/pprof/mutex", Trace: "/debug/pprof/trace",
}

// newFetcher is a client that goes nowhere but where it is sent: no redirect, no proxy.
func newFetcher() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, Control: refuseForbidden}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns: maxTargets, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// fetch captures a target. Its answer is bounded in time and bytes.
func (r *Recorder) fetch(ctx context.Context, req Request, base string) ([]byte, error) {
	limit := time.Duration(req.Seconds)*time.Second + grace
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	address, err := url.JoinPath(base, remotePaths[req.Kind])
	if err != nil {
		return nil, fmt.Errorf("capture: address of target %s: %w", req.Target, err)
	}
	if req.Seconds > 0 {
		address += "?seconds=" + strconv.Itoa(req.Seconds)
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("capture: ask target %s: %w", req.Target, err)
	}
	resp, err := r.fetcher.Do(call)
	if err != nil {
		return nil, fmt.Errorf("capture: ask target %s: %w", req.Target, causeOf(ctx, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("capture: target %s answered %s for %s; does it serve net/http/pprof?",
			req.Target, resp.Status, remotePaths[req.Kind])
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxDataBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("capture: read from target %s: %w", req.Target, causeOf(ctx, err))
	case len(data) > maxDataBytes:
		return nil, fmt.Errorf("capture: target %s: %w", req.Target, errTooLarge)
	}
	return data, check(req.Kind, data)
}

// check refuses what is no capture of that kind.
func check(kind string, data []byte) error {
	if kind == Trace {
		if len(data) < 16 || string(data[:3]) != "go " {
			return errors.New("capture: the answer is no execution trace")
		}
		return nil
	}
	_, err := Parse(data)
	return err
}

// causeOf prefers why ctx ended to that it ended.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// refuseForbidden looks at the address that a name was resolved to.
func refuseForbidden(_, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || forbidden(at.Addr()) {
		return fmt.Errorf("%s is not an address of a service", address)
	}
	return nil
}

// forbidden tells addresses that no service has, such as a cloud's metadata service.
func forbidden(addr netip.Addr) bool {
	addr = netaddr.Unwrap(addr)
	return addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || netaddr.IsMetadata(addr)
}

func checkHost(name, host string) error {
	if ip, err := netip.ParseAddr(host); err == nil && forbidden(ip) {
		return fmt.Errorf("%s must not be a link-local or other special address (got %s)", name, host)
	}
	return nil
}
