package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sentientcore/upshift/bench/load"
	"github.com/sentientcore/upshift/bench/proc"
)

// contender is a server under test, with its process where its processor time counts.
type contender struct {
	load.Target
	process *proc.Process
}

// lineup starts a backend and, in front of it, the product with its cache off and every
// metric on, a bare ReverseProxy, and those of the other rivals that are installed. The
// first contender is the backend itself, the second the product, the third the bare
// proxy.
func (r *rig) lineup(ctx context.Context) ([]contender, error) {
	direct, err := r.backend(ctx)
	if err != nil {
		return nil, err
	}
	ours, err := r.serve(ctx, servers(direct), "cache.enabled=false", "metrics.collection_interval=10s")
	if err != nil {
		return nil, err
	}
	bare, bareTarget, err := r.bare(ctx, direct)
	if err != nil {
		return nil, err
	}
	all := []contender{
		{direct, nil},
		{load.Target{Name: "upshift", Addr: ours.gateway}, ours.Process},
		{bareTarget, bare},
	}
	for _, name := range slices.Sorted(maps.Keys(rivals())) {
		c, err := r.rival(ctx, name, direct, rivals()[name])
		if err != nil {
			r.progress("%s is left out: %v", name, err)
			continue
		}
		all = append(all, c)
	}
	return all, nil
}

// configure writes a proxy's configuration and says how to start it in a directory.
type configure func(dir, listen, backend string) (config string, args []string)

// rivals are the proxies that take part where their program is installed.
func rivals() map[string]configure {
	return map[string]configure{"haproxy": haproxy, "nginx": nginx, "caddy": caddy}
}

// rival starts an installed proxy before a backend.
func (r *rig) rival(ctx context.Context, name string, behind load.Target, config configure) (contender, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return contender{}, err
	}
	dir, err := os.MkdirTemp(r.dir, name+"-")
	if err != nil {
		return contender{}, err
	}
	listen, err := freeAddr(ctx)
	if err != nil {
		return contender{}, err
	}
	text, args := config(dir, listen, behind.Addr)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(text), 0o600); err != nil {
		return contender{}, err
	}
	p, err := r.Start(proc.Command{Name: name, Path: path, Args: args, Env: []string{"HOME=" + dir}, Dir: dir})
	if err != nil {
		return contender{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", listen)
		if err == nil {
			return contender{load.Target{Name: name, Addr: listen}, p}, c.Close()
		}
		if err := p.Pause(ctx, 20*time.Millisecond); err != nil {
			return contender{}, err
		}
	}
}

// Each of these configurations keeps connections to the backend open and passes event
// streams on at once, as the product does.

func haproxy(dir, listen, backend string) (string, []string) {
	return strings.NewReplacer("LISTEN", listen, "BACKEND", backend).Replace(`
global
    maxconn 2048
defaults
    mode http
    option http-no-delay
    http-reuse always
    timeout connect 3s
    timeout client 60s
    timeout server 60s
frontend front
    bind LISTEN
    default_backend back
backend back
    server a BACKEND
`), []string{"-db", "-f", filepath.Join(dir, "config")}
}

func nginx(dir, listen, backend string) (string, []string) {
	text := strings.NewReplacer("LISTEN", listen, "BACKEND", backend, "DIR", dir).Replace(`
daemon off;
master_process off;
pid DIR/pid;
error_log stderr;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
    keepalive_requests 100000000;
    upstream back { server BACKEND; keepalive 256; }
    server {
        listen LISTEN;
        location / {
            proxy_pass http://back;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
    }
}
`)
	return text, []string{"-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "config")}
}

func caddy(dir, listen, backend string) (string, []string) {
	_, port, _ := net.SplitHostPort(listen)
	text := fmt.Sprintf(`{
    admin off
    auto_https off
}
http://:%s {
    bind 127.0.0.1
    reverse_proxy http://%s {
        flush_interval -1
        transport http {
            keepalive_idle_conns_per_host 1024
        }
    }
}
`, port, backend)
	return text, []string{"run", "--adapter", "caddyfile", "--config", filepath.Join(dir, "config")}
}
