package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	// sendTimeout bounds one try.
	sendTimeout = 10 * time.Second
	// maxAnswer bounds what is read of a receiver's answer.
	maxAnswer = 64 << 10
)

// webhook posts notifications to one URL.
type webhook struct {
	url    *url.URL
	client *http.Client
}

// sendError says why a try failed.
type sendError struct {
	text string
	// permanent means that another try would fail in the same way.
	permanent bool
	// retryAfter is when the receiver wants the next try; zero where it did not say.
	retryAfter time.Duration
}

// Error returns the reason. It never holds the URL.
func (e *sendError) Error() string { return e.text }

func newWebhook(raw string, allowPrivate bool) (*webhook, error) {
	u, err := parseWebhook(raw, allowPrivate)
	if err != nil {
		return nil, err
	}
	return &webhook{url: u, client: &http.Client{
		Timeout: sendTimeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would resolve the name where it cannot be checked
			DialContext:            guardedDial(allowPrivate),
			DisableKeepAlives:      true, // every notification is checked anew, and nothing idles
			MaxResponseHeaderBytes: maxAnswer,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// send tries once; nil means that the receiver took it.
func (h *webhook) send(ctx context.Context, m notification) *sendError {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url.String(), bytes.NewReader(m.body))
	if err != nil {
		return &sendError{text: "make the request", permanent: true} // err holds the URL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "upshift-alert")
	req.Header.Set("Idempotency-Key", m.key)
	resp, err := h.client.Do(req)
	if err != nil {
		return h.failure(err)
	}
	defer resp.Body.Close()
	// The status is the answer; what else comes is read so that the receiver can finish.
	if _, err := io.CopyN(io.Discard, resp.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) && resp.StatusCode/100 != 2 {
		return h.failure(err)
	}
	return judge(resp)
}

// failure describes an error of the connection without the URL's path and query.
func (h *webhook) failure(err error) *sendError {
	if outer := (*url.Error)(nil); errors.As(err, &outer) {
		if err = outer.Err; outer.Timeout() {
			return &sendError{text: fmt.Sprintf("%s: no answer within %v", h.url.Host, sendTimeout)}
		}
	}
	return &sendError{text: fmt.Sprintf("%s: %v", h.url.Host, err), permanent: errors.Is(err, errForbidden)}
}

func judge(resp *http.Response) *sendError {
	text := fmt.Sprintf("%s answered %s", resp.Request.URL.Host, resp.Status)
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		return &sendError{text: text + "; redirects are not followed", permanent: true}
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 == 5:
		return &sendError{text: text, retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	}
	return &sendError{text: text, permanent: true}
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
