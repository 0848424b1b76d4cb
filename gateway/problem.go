package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sentientcore/upshift/balancer"
)

// Causes with which the context of a request to a server ends, beside the client's leaving.
var (
	errUpstreamTimeout = errors.New("gateway: the server did not answer in time")
	errDrained         = errors.New("gateway: cut at the drain timeout")
	// errNotKept is the answer to only-if-cached when nothing is.
	errNotKept = errors.New("gateway: not in the cache")
)

// problem is an answer that says what went wrong and what to do. It names nothing of the
// inside.
type problem struct {
	status       int
	detail, hint string
	refusal      refusal
	retryAfter   time.Duration
	limit        string // the key of the limit that the request is beyond
}

// json is the body of the answer: RFC 9457 with the fields of the REST contract.
func (p *problem) json(requestID string) []byte {
	body, err := json.Marshal(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Success   bool   `json:"success"`
		Detail    string `json:"detail"`
		Hint      string `json:"hint,omitempty"`
		Limit     string `json:"limit,omitempty"`
		RequestID string `json:"request_id"`
	}{"about:blank", http.StatusText(p.status), p.status, false, p.detail, p.hint, p.limit, requestID})
	if err != nil {
		return []byte(`{"success":false}`) // strings and numbers can always be written
	}
	return append(body, '\n')
}

func refuse(why refusal, status int, detail, hint string) *problem {
	return &problem{status: status, detail: detail, hint: hint, refusal: why}
}

func problemTooLarge(limit int64) *problem {
	return refuse(refusedBody, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request's body is longer than %d bytes", limit),
		"send less, or raise gateway.max_body_bytes")
}

func problemPanic() *problem {
	return &problem{
		status: http.StatusInternalServerError, detail: "the gateway failed on this request",
		hint: "look for its request_id in the log",
	}
}

// problemOf says what an error of the round trip means for the client, and counts whose
// fault it was. Nil means that the client is gone.
func (x *exchange) problemOf(err error) *problem {
	if fault := x.bodyFault.Load(); fault != nil {
		return x.problemOfBody(*fault)
	}
	if errors.Is(context.Cause(x), errDrained) {
		return &problem{
			status: http.StatusServiceUnavailable, retryAfter: time.Second,
			detail: "the gateway is shutting down", hint: "send the request again",
		}
	}
	if x.Err() != nil {
		x.gone = true
		return nil
	}
	if errors.Is(err, errNotKept) {
		return &problem{
			status: http.StatusGatewayTimeout, detail: "no answer is in the cache, and the request allows no other",
			hint: "leave only-if-cached away",
		}
	}
	if e, ok := errors.AsType[*limitError](err); ok {
		return x.problemOfLimit(e)
	}
	fault, p := problemOfServers(err)
	x.g.count.upstream[fault].Add(1)
	return p
}

// problemOfBody is the answer to a request whose body did not come.
func (x *exchange) problemOfBody(err error) *problem {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		x.g.count.refused[refusedBody].Add(1)
		return problemTooLarge(tooLarge.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		x.close = true
		return &problem{
			status: http.StatusRequestTimeout, detail: "the request's body stood still for too long",
			hint: "send it without pauses, or raise gateway.body_timeout",
		}
	case x.Err() != nil:
		x.gone = true
		return nil
	}
	x.close = true
	return &problem{
		status: http.StatusBadRequest, detail: "the request's body broke off or is malformed", hint: "send it again",
	}
}

// problemOfServers is the answer when no server gave one.
func problemOfServers(err error) (upstreamFault, *problem) {
	var unavailable *balancer.UnavailableError
	var dial *net.OpError
	var slow net.Error
	switch {
	case errors.As(err, &unavailable):
		return faultUnavailable, problemUnavailable(unavailable)
	case errors.Is(err, balancer.ErrServerCut):
		return faultUnavailable, &problem{
			status: http.StatusServiceUnavailable, retryAfter: time.Second,
			detail: "the server was taken out of service", hint: "send the request again",
		}
	case errors.Is(err, errUpstreamTimeout), errors.As(err, &slow) && slow.Timeout():
		return faultTimeout, &problem{
			status: http.StatusGatewayTimeout, detail: "the server did not answer in time",
			hint: "look at GET /api/performance/load-balancer/stats, or raise gateway.response_timeout",
		}
	case errors.As(err, &dial) && dial.Op == "dial":
		return faultConnect, &problem{
			status: http.StatusBadGateway, detail: "the server could not be reached",
			hint: "look at GET /api/performance/load-balancer/stats",
		}
	}
	return faultBroken, &problem{
		status: http.StatusBadGateway, detail: "the server gave no valid answer",
		hint: "look at GET /api/performance/load-balancer/stats",
	}
}

func problemUnavailable(err *balancer.UnavailableError) *problem {
	p := &problem{status: http.StatusServiceUnavailable, retryAfter: max(err.RetryAfter, time.Second)}
	switch {
	case errors.Is(err, balancer.ErrNoServers):
		p.detail, p.hint = "there is no server to send the request to", "set load_balancer.servers"
	case errors.Is(err, balancer.ErrServersBusy):
		p.detail, p.hint = "all servers are busy", "try again later, add servers or raise their max_connections"
	default:
		p.detail, p.hint = "no server takes requests now", "try again later, or look at GET /api/performance/load-balancer/stats"
	}
	return p
}
