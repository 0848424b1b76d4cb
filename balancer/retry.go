package balancer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

const (
	// maxReplay is how much of a body is held for a retry.
	maxReplay = 64 << 10
	// firstBackoff is the pause before the same server is tried again; it doubles.
	firstBackoff = 20 * time.Millisecond
)

// unsent reports whether the error means that nothing of the request went out: there was no
// connection, or TLS could not be agreed on.
func unsent(err error) bool {
	var op *net.OpError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	return errors.As(err, &op) && op.Op == "dial" || errors.Is(err, ErrForbiddenAddress) ||
		errors.As(err, &record) || errors.As(err, &certificate) || errors.As(err, &alert)
}

// replay is the body of a request and how to send it again.
type replay struct {
	first *passBody                     // the request's own body; nil: it has none or it is held
	again func() (io.ReadCloser, error) // nil: only an untouched body can be sent again
}

// newReplay looks at the body of a request. A small body of a request that may be repeated
// is read and held.
func newReplay(req *http.Request, safe bool) (*replay, error) {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		return &replay{again: func() (io.ReadCloser, error) { return req.Body, nil }}, nil
	case req.GetBody != nil || !safe || req.ContentLength < 0 || req.ContentLength > maxReplay:
		return &replay{first: &passBody{src: req.Body}, again: req.GetBody}, nil
	}
	held := make([]byte, req.ContentLength)
	_, err := io.ReadFull(req.Body, held)
	if closeErr := req.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, &bodyError{err}
	}
	return &replay{again: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(held)), nil }}, nil
}

// bodyError says that the body of the request could not be read: not the server's fault.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "balancer: read request body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// put gives the request the body for an attempt.
func (r *replay) put(req *http.Request, attempt int) error {
	if r.first != nil && (attempt == 1 || r.again == nil) {
		r.first.reopen()
		req.Body = r.first
		return nil
	}
	body, err := r.again()
	if err != nil {
		return &bodyError{err}
	}
	req.Body, req.GetBody = body, nil
	if body != nil {
		req.GetBody = r.again
	}
	return nil
}

// ready reports whether the body can be sent once more.
func (r *replay) ready() bool { return r.again != nil || !r.first.wasTouched() }

// broken reports whether reading the body failed.
func (r *replay) broken() bool { return r.first != nil && r.first.wasBroken() }

// done lets go of the body; the transport may still be sending it.
func (r *replay) done() {
	if r.first != nil {
		r.first.finish()
	}
}

// pause waits before the same server is tried again.
func pause(ctx context.Context, attempt int) bool {
	d := firstBackoff << min(attempt, 6)
	return sleep(ctx, time.Duration(float64(d)*(0.5+0.5*unit(rand.Uint64()))))
}
