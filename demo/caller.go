package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// maxConnections bounds what one caller has open to the gateway.
	maxConnections = 512
	// callTimeout bounds one call of an agent; streams have their own bound.
	callTimeout   = 5 * time.Second
	streamTimeout = 60 * time.Second
	maxAnswer     = 4 << 20
)

// caller sends requests through the gateway, as agents and users do.
type caller struct {
	base atomic.Pointer[string] // known once the gateway listens
	http *http.Client
}

func newCaller() *caller {
	return &caller{http: &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: time.Minute,
	}}}
}

// to says where the gateway is: host:port.
func (c *caller) to(address string) {
	base := "http://" + address
	c.base.Store(&base)
}

// close lets go of idle connections.
func (c *caller) close() error {
	c.http.CloseIdleConnections()
	return nil
}

// get reads path into answer.
func (c *caller) get(ctx context.Context, path string, answer any) error {
	return c.exchange(ctx, http.MethodGet, path, nil, answer)
}

// post sends question and reads the answer.
func (c *caller) post(ctx context.Context, path string, question, answer any) error {
	return c.exchange(ctx, http.MethodPost, path, question, answer)
}

func (c *caller) exchange(ctx context.Context, method, path string, question, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.send(ctx, method, path, question)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}

// send returns the response when it is a success. The caller closes its body.
func (c *caller) send(ctx context.Context, method, path string, question any) (*http.Response, error) {
	base := c.base.Load()
	if base == nil {
		return nil, &answerError{http.StatusServiceUnavailable, "the gateway does not listen yet"}
	}
	var body io.Reader
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return nil, fmt.Errorf("encode the question for %s: %w", path, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, *base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make the request for %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", path, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can serve again
	_ = resp.Body.Close()
	status := http.StatusBadGateway
	if resp.StatusCode == http.StatusTooManyRequests {
		status = resp.StatusCode
	}
	return nil, &answerError{status, fmt.Sprintf("%s answered %s", path, resp.Status)}
}
