package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  Config
		want []string // parts of the error; none: valid
	}{
		{"zero", Config{}, nil},
		{"any port", Config{Listen: "localhost:0"}, nil},
		{"IPv6 loopback", Config{Listen: "[::1]:80"}, nil},
		{"all interfaces", Config{Listen: "0.0.0.0:8090"}, []string{"api.listen: must be a loopback address", "tls_cert_file", "insecure_listen"}},
		{"no host", Config{Listen: ":8090"}, []string{"api.listen: must be a loopback"}},
		{"a name", Config{Listen: "upshift.example:80"}, []string{"api.listen: must be a loopback"}},
		{"all interfaces, insecure", Config{Listen: "0.0.0.0:8090", InsecureListen: true}, nil},
		{"all interfaces, TLS", Config{Listen: "0.0.0.0:8090", TLSCertFile: "c", TLSKeyFile: "k"}, nil},
		{"half TLS", Config{TLSCertFile: "c"}, []string{"api.tls_cert_file: must be set together"}},
		{"no port", Config{Listen: "127.0.0.1"}, []string{"api.listen: must be host:port"}},
		{"bad port", Config{Listen: "127.0.0.1:99999"}, []string{"api.listen: must have a port"}},
		{"short token", Config{Token: "short"}, []string{"api.token: must be at least 16", "got 5", "openssl"}},
		{"token with a space", Config{Token: "a token with some spaces"}, []string{"api.token: must be printable"}},
		{"hosts", Config{AllowedHosts: []string{"ok.example", "http://x", "x:80", "*.x", ""}}, []string{
			"allowed_hosts[1]", "allowed_hosts[2]", "allowed_hosts[3]", "allowed_hosts[4]",
		}},
		{"negatives, all at once", Config{SessionTTL: -1, SessionIdle: -1, MaxConnections: -1, MaxStreams: -1, AuditMaxBytes: -1}, []string{
			"api.session_ttl: must not be negative (got -1ns)", "api.session_idle", "api.max_connections", "api.max_streams", "api.audit_max_bytes",
		}},
	} {
		err := tt.cfg.Validate()
		if len(tt.want) == 0 && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tt.name, err, want)
			}
		}
		if err != nil && tt.cfg.Token != "" && strings.Contains(err.Error(), tt.cfg.Token) {
			t.Errorf("%s: the token is in the error", tt.name)
		}
	}
}

func TestNewFaults(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{Listen: "0.0.0.0:1"}, Parts{DataDir: t.TempDir()}); err == nil {
		t.Error("an open admin plane was made")
	}
	if _, err := New(Config{}, Parts{}); err == nil {
		t.Error("a server without audit log was made")
	}
	if _, err := New(Config{TLSCertFile: "none", TLSKeyFile: "none"}, Parts{DataDir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "api.tls_cert_file") {
		t.Errorf("missing certificate: %v", err)
	}
}

func TestLoginURL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8090": "http://127.0.0.1:8090/#token=", "[::1]:80": "http://[::1]:80/#token=",
		"0.0.0.0:81": "http://127.0.0.1:81/#token=", ":82": "http://127.0.0.1:82/#token=",
	} {
		k := newKit(t, Parts{}, func(c *Config) { c.Listen, c.InsecureListen = listen, true })
		if got := k.LoginURL(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", listen, got)
		}
	}
	k := newKit(t, Parts{}, func(c *Config) { c.Listen = "127.0.0.1:0" })
	addr := k.listen("tcp", "127.0.0.1:0", k.Handler())
	resp, err := http.Get("http://" + addr.String() + "/healthz") // the server runs now
	must(t, err)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	u, err := url.Parse(k.LoginURL())
	must(t, err)
	if u.Host != addr.String() {
		t.Errorf("link %s, listening on %s", u.Host, addr)
	}
}

func TestServerLimits(t *testing.T) {
	k := newKit(t, Parts{})
	srv := k.HTTPServer()
	if srv.ReadHeaderTimeout <= 0 || srv.ReadTimeout <= 0 || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes <= 0 || srv.WriteTimeout != 0 {
		t.Errorf("%+v", srv)
	}
}

func TestConnectionBound(t *testing.T) {
	k := newKit(t, Parts{}, func(c *Config) { c.MaxConnections = 2 })
	addr := k.listen("tcp", "127.0.0.1:0", k.Handler())
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", addr.String())
		must(t, err)
		_, err = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		must(t, err)
		return c
	}
	answered := func(c net.Conn) bool {
		must(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		n, err := c.Read(make([]byte, 12))
		return err == nil && n > 0
	}
	a, b := dial(), dial()
	if !answered(a) || !answered(b) {
		t.Fatal("not answered")
	}
	c := dial()
	if answered(c) {
		t.Error("a connection beyond the bound was served")
	}
	if k.Stats().Shed != 1 {
		t.Errorf("stats %+v", k.Stats())
	}
	for _, conn := range []net.Conn{a, b, c} {
		conn.Close()
	}
}

// certificate makes one for 127.0.0.1 and returns its files and a pool that trusts it.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	must(t, os.WriteFile(cert, certPEM, 0o600))
	must(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return cert, key, pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	k := newKit(t, Parts{}, func(c *Config) { c.TLSCertFile, c.TLSKeyFile = cert, key })
	addr := k.listen("tcp", "127.0.0.1:0", k.Handler())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	resp, err := client.Post("https://"+addr.String()+base+"/session", "application/json",
		strings.NewReader(`{"token":"`+k.secrets[Viewer]+`"}`))
	must(t, err)
	resp.Body.Close()
	cookies := resp.Cookies()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || len(cookies) != 1 {
		t.Fatalf("%d, HTTP/%d, %v", resp.StatusCode, resp.ProtoMajor, cookies)
	}
	if c := cookies[0]; !c.Secure || !strings.HasPrefix(c.Name, "__Host-") || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %+v", c)
	}
	if resp.Header.Get("Strict-Transport-Security") == "" || !strings.HasPrefix(k.LoginURL(), "https://") {
		t.Error("TLS is not told")
	}
	// Without TLS on the listener nothing is served: the token must not go in clear.
	if w := k.ask(Viewer, "GET", base+"/status", ""); w.Code != http.StatusMisdirectedRequest {
		t.Errorf("in clear: %d", w.Code)
	}
}

func TestPanicIsOneCallOnly(t *testing.T) {
	k := newKit(t, Parts{Settings: func() []Setting { panic("oh no") }})
	w := k.ask(Admin, "GET", base+"/config", "")
	if p := problemOf(t, w); p.Status != 500 || strings.Contains(w.Body.String(), "oh no") {
		t.Errorf("%s", w.Body)
	}
	if k.Stats().Panics != 1 || k.Stats().Failed != 1 || !strings.Contains(k.logs.String(), "oh no") {
		t.Errorf("%+v, log %s", k.Stats(), k.logs)
	}
}

func TestReload(t *testing.T) {
	var fault error
	k := newKit(t, Parts{Reload: func(context.Context) error { return fault }})
	if w := k.ask(Admin, "POST", base+"/config/reload", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	fault = errors.Join(errors.New("cache.max_size: must be above 0 (got -1)"), errors.New("api.listen: cannot change while running"))
	p := problemOf(t, k.ask(Admin, "POST", base+"/config/reload", ""))
	if p.Status != 400 || !strings.Contains(p.Detail, "cache.max_size") || !strings.Contains(p.Detail, "api.listen") {
		t.Errorf("%+v", p)
	}
}

func TestReadiness(t *testing.T) {
	var fault error
	k := newKit(t, Parts{Ready: func() error { return fault }})
	if w := k.ask(0, "GET", "/readyz", ""); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	fault = errors.New("shutting down")
	if w := k.ask(0, "GET", "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "shutting down") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := k.ask(0, "GET", "/healthz", ""); w.Code != 200 {
		t.Errorf("alive: %d", w.Code)
	}
}

func TestExposition(t *testing.T) {
	registry := prometheus.NewRegistry()
	k := newKit(t, Parts{Registry: registry})
	must(t, registry.Register(k.Server))
	problems, err := testutil.GatherAndLint(registry)
	must(t, err)
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	w := k.ask(Viewer, "GET", "/metrics", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "upshift_api_requests_total") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
