package balancer

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers in which a request carries the time that its caller gives it. The first is that of
// gRPC, the second a number of seconds or a duration such as 800ms.
const (
	grpcTimeoutHeader = "Grpc-Timeout"
	timeoutHeader     = "X-Upshift-Timeout"
)

// maxTimeout bounds what a header may ask for; more is as good as no deadline.
const maxTimeout = 24 * time.Hour

// withDeadline gives the request the deadline that its header carries; stop lets go of it. Without
// one, or with one that cannot be read, the request is returned as it is, and stop is nil.
func withDeadline(req *http.Request) (_ *http.Request, stop context.CancelFunc) {
	d, ok := time.Duration(0), false
	if v := req.Header[timeoutHeader]; v != nil {
		d, ok = parseTimeout(v[0])
	} else if v := req.Header[grpcTimeoutHeader]; v != nil {
		d, ok = parseGRPCTimeout(v[0])
	}
	if !ok {
		return req, nil
	}
	ctx, stop := context.WithTimeout(req.Context(), d)
	return req.WithContext(ctx), stop
}

// tellDeadline writes what is left to the deadline of a request that is about to be sent into its
// headers, of which it makes a copy.
func tellDeadline(out *http.Request) {
	at, ok := out.Context().Deadline()
	left := time.Until(at)
	if !ok || left <= 0 || left > maxTimeout {
		return
	}
	out.Header = out.Header.Clone()
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if strings.HasPrefix(out.Header.Get("Content-Type"), "application/grpc") {
		out.Header[grpcTimeoutHeader] = []string{formatGRPCTimeout(left)}
		return
	}
	out.Header[timeoutHeader] = []string{strconv.FormatFloat(float64(left.Milliseconds())/1e3, 'f', 3, 64)}
}

// parseTimeout reads "2.5" (seconds) or "800ms".
func parseTimeout(v string) (time.Duration, bool) {
	d, err := time.ParseDuration(v)
	if err != nil {
		d, err = time.ParseDuration(v + "s")
	}
	return d, err == nil && d > 0 && d <= maxTimeout
}

// grpcUnits are those of grpc-timeout, the finest first.
var grpcUnits = []struct {
	letter byte
	unit   time.Duration
}{
	{'n', time.Nanosecond},
	{'u', time.Microsecond},
	{'m', time.Millisecond},
	{'S', time.Second},
	{'M', time.Minute},
	{'H', time.Hour},
}

// grpcDigits is how many digits a grpc-timeout may have.
const grpcDigits = 8

// parseGRPCTimeout reads at most eight digits and a unit.
func parseGRPCTimeout(v string) (time.Duration, bool) {
	if len(v) < 2 || len(v) > grpcDigits+1 {
		return 0, false
	}
	n, err := strconv.ParseUint(v[:len(v)-1], 10, 64)
	if err != nil {
		return 0, false
	}
	for _, u := range grpcUnits {
		if u.letter == v[len(v)-1] {
			return time.Duration(min(n, uint64(maxTimeout/u.unit)) * uint64(u.unit)), true
		}
	}
	return 0, false
}

// formatGRPCTimeout is d, which is above 0 and at most maxTimeout, in the finest unit that has room.
func formatGRPCTimeout(d time.Duration) string {
	u := grpcUnits[0]
	for _, u = range grpcUnits {
		if d/u.unit < 1e8 {
			break
		}
	}
	return strconv.FormatInt(int64(d/u.unit), 10) + string(u.letter)
}
