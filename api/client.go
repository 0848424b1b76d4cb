package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

const (
	clientTimeout = 90 * time.Second
	maxAnswer     = 64 << 20
)

// Client calls the API of a running server. Safe for concurrent use.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// NewClient makes a client of the server at target: its address, such as
// http://127.0.0.1:8090, or the path of the unix socket in its data directory, which
// needs no token.
func NewClient(target, token string) (*Client, error) {
	c := &Client{token: token, http: &http.Client{
		Timeout: clientTimeout,
		// A redirect would carry the token to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if socket, ok := strings.CutPrefix(target, "unix://"); ok || filepath.IsAbs(target) {
		if !ok {
			socket = target
		}
		c.base = "http://localhost"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}
		return c, nil
	}
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("api: the server must be http://host:port, https://host:port or the path of a socket")
	}
	if u.User != nil {
		return nil, errors.New("api: the address must not carry a password; give the token on its own")
	}
	c.base = u.Scheme + "://" + u.Host
	c.http.Transport = http.DefaultTransport.(*http.Transport).Clone() // documented to be one
	return c, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Get reads path, such as /status, into data. The error is a [*Problem] when the server
// refused.
func (c *Client) Get(ctx context.Context, path string, data any) error {
	return c.call(ctx, http.MethodGet, path, nil, data)
}

// Post sends body, which may be nil, and reads the answer into data, which may be nil.
func (c *Client) Post(ctx context.Context, path string, body, data any) error {
	return c.call(ctx, http.MethodPost, path, body, data)
}

// Put is like Post.
func (c *Client) Put(ctx context.Context, path string, body, data any) error {
	return c.call(ctx, http.MethodPut, path, body, data)
}

// Patch is like Post.
func (c *Client) Patch(ctx context.Context, path string, body, data any) error {
	return c.call(ctx, http.MethodPatch, path, body, data)
}

// Delete removes path and reads the answer into data, which may be nil.
func (c *Client) Delete(ctx context.Context, path string, data any) error {
	return c.call(ctx, http.MethodDelete, path, nil, data)
}

// Status is the verdict over the whole system.
func (c *Client) Status(ctx context.Context) (SystemStatus, error) {
	var s SystemStatus
	return s, c.Get(ctx, "/status", &s)
}

// Document reads a whole answer outside the REST base, such as /openapi.json.
func (c *Client) Document(ctx context.Context, path string) ([]byte, error) {
	return c.send(ctx, http.MethodGet, c.base+path, nil)
}

func (c *Client) call(ctx context.Context, method, path string, body, data any) error {
	answer, err := c.send(ctx, method, c.base+base+path, body)
	if err != nil {
		return err
	}
	envelope := struct {
		Data json.RawMessage `json:"data"`
	}{}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	if data == nil {
		return nil
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, address string, body any) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("reach the server: %w", err) // names address, never the token
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode < 300 {
		return answer, nil
	}
	p := &Problem{}
	if json.Unmarshal(answer, p) != nil || p.Detail == "" {
		p = problem(resp.StatusCode, "the server answered "+resp.Status, "is this the address of upshift's API?")
	}
	p.Status = resp.StatusCode
	return nil, p
}
