package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
)

// base is where the product's REST API lives.
const base = "/api/performance"

// startTimeout is how long the product may take to be ready; longer is a fault.
const startTimeout = 30 * time.Second

// product is a running upshift.
type product struct {
	*proc.Process
	gateway, api string // host:port
	token        string
	client       *http.Client
}

// setup is where a product runs and with which settings. Two products of one setup are
// two lives of the same data directory.
type setup struct {
	args         []string
	dir          string // HOME
	gateway, api string
	token        string
}

// newSetup makes one with a data directory, ports and token of its own. args are the
// command and its flags, settings are key=value.
func (r *rig) newSetup(ctx context.Context, args []string, settings ...string) (setup, error) {
	dir, err := os.MkdirTemp(r.dir, "data-")
	if err != nil {
		return setup{}, err
	}
	s := setup{dir: dir, token: rand.Text()}
	if s.gateway, err = freeAddr(ctx); err != nil {
		return s, err
	}
	if s.api, err = freeAddr(ctx); err != nil {
		return s, err
	}
	s.args = append(slices.Clone(args), "--data-dir", filepath.Join(dir, "upshift"))
	settings = append([]string{
		"gateway.listen=" + s.gateway, "api.listen=" + s.api, "api.token=" + s.token,
	}, settings...)
	for _, v := range settings {
		s.args = append(s.args, "--set", v)
	}
	return s, nil
}

// freeAddr is an address of loopback at which nobody listens just now.
func freeAddr(ctx context.Context) (string, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// launch starts the product and does not wait until it is ready.
func (r *rig) launch(s setup) (*product, error) {
	p, err := r.Start(proc.Command{
		Name: "upshift " + s.args[0], Path: r.product, Args: s.args, Dir: s.dir,
		// No TMPDIR: the demo's Postgres runs as another user, who may not enter ours.
		Env:      []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir},
		OnOrphan: syscall.SIGTERM, // the demo has children of its own to end
	})
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	return &product{Process: p, gateway: s.gateway, api: s.api, token: s.token, client: client}, nil
}

// serve starts `upshift serve` with the settings and waits until it is ready.
func (r *rig) serve(ctx context.Context, settings ...string) (*product, error) {
	s, err := r.newSetup(ctx, []string{"serve"}, settings...)
	if err != nil {
		return nil, err
	}
	p, err := r.launch(s)
	if err != nil {
		return nil, err
	}
	return p, p.ready(ctx)
}

// ready waits until /readyz answers 200.
func (p *product) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if _, err := p.call(ctx, http.MethodGet, "/readyz", nil); err == nil {
			return nil
		}
		if err := p.Pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("wait until it is ready: %w", err)
		}
	}
}

// call asks the admin plane and returns the body of a 2xx answer. A body that is not nil
// is sent as JSON, but url.Values as a form.
func (p *product) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	req, err := p.request(ctx, method, path)
	if err != nil {
		return nil, err
	}
	if err := setBody(req, body); err != nil {
		return nil, err
	}
	return p.do(req)
}

// callAsync posts and has the work done as a job.
func (p *product) callAsync(ctx context.Context, path string) ([]byte, error) {
	req, err := p.request(ctx, http.MethodPost, path)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Prefer", "respond-async")
	return p.do(req)
}

func (p *product) request(ctx context.Context, method, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.api+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	return req, nil
}

func (p *product) do(req *http.Request) ([]byte, error) {
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, &statusError{code: resp.StatusCode, body: string(answer[:min(len(answer), 200)])}
	}
	return answer, nil
}

// statusError is an answer other than 2xx.
type statusError struct {
	code int
	body string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.code, e.body) }

func setBody(req *http.Request, body any) error {
	var text, media string
	switch b := body.(type) {
	case nil:
		return nil
	case url.Values:
		text, media = b.Encode(), "application/x-www-form-urlencoded"
	default:
		data, err := json.Marshal(b)
		if err != nil {
			return err
		}
		text, media = string(data), "application/json"
	}
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	req.Header.Set("Content-Type", media)
	return nil
}

// fetch asks and decodes the field data of the answer into v.
func (p *product) fetch(ctx context.Context, path string, v any) error {
	body, err := p.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	if err := json.Unmarshal(body, &struct {
		Data any `json:"data"`
	}{v}); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// backend starts the service behind the proxies.
func (r *rig) backend(ctx context.Context) (load.Target, error) {
	_, t, err := r.role(ctx, "backend")
	t.Name = "direct"
	return t, err
}

// bare starts a bare httputil.ReverseProxy before a target.
func (r *rig) bare(ctx context.Context, behind load.Target) (*proc.Process, load.Target, error) {
	p, t, err := r.role(ctx, "proxy", "http://"+behind.Addr)
	t.Name = "ReverseProxy"
	return p, t, err
}

func (r *rig) role(ctx context.Context, args ...string) (*proc.Process, load.Target, error) {
	p, err := r.Start(proc.Command{Name: args[0], Path: r.self, Args: append([]string{roleArg}, args...)})
	if err != nil {
		return nil, load.Target{}, err
	}
	addr, err := p.Line(ctx, "")
	if err != nil {
		return nil, load.Target{}, err
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, load.Target{}, errors.Join(fmt.Errorf("start %s", args[0]), err)
	}
	return p, load.Target{Addr: addr}, nil
}

// servers is the setting that puts a backend behind the product.
func servers(behind load.Target) string { return "load_balancer.servers=a=http://" + behind.Addr }
