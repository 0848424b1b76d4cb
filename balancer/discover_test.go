package balancer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// put renames a text into place, as editors and Kubernetes do.
func put(t *testing.T, path, text string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func ids(p *Pool) string {
	var all []string
	for _, s := range p.Servers() {
		all = append(all, s.ID)
	}
	return strings.Join(all, " ")
}

// look is one round of what Run does for a source.
func look(t *testing.T, p *Pool, s source) error {
	t.Helper()
	servers, _, err := s.find(t.Context())
	if err == nil {
		err = p.found(t.Context(), s.name(), servers)
	}
	return err
}

func TestServersInAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "servers.json")
	p, err := New(Config{
		Servers:   []ServerConfig{{ID: "fixed", URL: "http://127.0.0.1:1"}},
		Discovery: DiscoveryConfig{File: path},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := p.view.Load().limits.Discovery.sources()[0]
	const a, b = `{"id": "a", "url": "http://127.0.0.1:2"}`, `{"id": "b", "url": "h2c://127.0.0.1:3", "weight": 2, "max_connections": 9}`
	for _, step := range []struct{ name, text, want, problem string }{
		{"no file", "", "fixed", "no such file"},
		{"one", `{"servers": [` + a + `]}`, "fixed a", ""},
		{"two", `{"servers": [` + b + `,` + a + `]}`, "fixed b a", ""},
		{"broken", `{"servers": [`, "fixed b a", "unexpected EOF"},
		{"empty", `{"servers": []}`, "fixed b a", "lists no server"},
		{"a typing mistake", `{"servers": [{"id": "c", "ulr": "http://x"}]}`, "fixed b a", `unknown field "ulr"`},
		{"bad weight", `{"servers": [{"id": "c", "url": "http://x", "weight": -1}]}`, "fixed b a", "servers[0].weight: must be above 0"},
		{"twice", `{"servers": [` + a + `,` + a + `]}`, "fixed b a", "servers[1].id: must be unique"},
		{"somebody else's id", `{"servers": [{"id": "fixed", "url": "http://x"}]}`, "fixed b a", "servers[0].id: must be unique (fixed is another server's)"},
		{"metadata", `{"servers": [{"id": "m", "url": "http://169.254.169.254"}]}`, "fixed b a", "servers[0].url: must not be forbidden"},
		{"more behind it", `{"servers": [` + b + `]} {}`, "fixed b a", "must end after the list"},
		{"one less", `{"servers": [` + b + `]}`, "fixed b", ""},
	} {
		if step.text != "" {
			put(t, path, step.text)
		}
		err := look(t, p, file)
		if (err != nil) != (step.problem != "") || err != nil && !strings.Contains(err.Error(), step.problem) {
			t.Errorf("%s: got %v, want %q", step.name, err, step.problem)
		}
		if got := ids(p); got != step.want {
			t.Errorf("%s: servers %s, want %s", step.name, got, step.want)
		}
	}
	if s := p.view.Load().find("b"); s.Weight() != 2 || s.URL().Scheme != "h2c" || s.source != "file" {
		t.Errorf("got %+v", s.settings.Load())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := look(t, p, file); !errors.Is(err, os.ErrNotExist) || ids(p) != "fixed b" {
		t.Errorf("a file that is gone: %v, servers %s", err, ids(p))
	}
	if err := p.Apply(Config{Servers: []ServerConfig{{ID: "fixed", URL: "http://127.0.0.1:1"}}, Discovery: DiscoveryConfig{File: path}}); err != nil || ids(p) != "fixed b" {
		t.Errorf("the configuration was read again: %v, servers %s", err, ids(p))
	}
	if err := p.Apply(Config{Servers: []ServerConfig{{ID: "fixed", URL: "http://127.0.0.1:1"}}}); err != nil || ids(p) != "fixed" {
		t.Errorf("without the file: %v, servers %s", err, ids(p))
	}
	if err := p.found(t.Context(), "file", []ServerConfig{{ID: "late", URL: "http://127.0.0.1:1"}}); err != nil || ids(p) != "fixed" {
		t.Errorf("a source that is gone still adds servers: %v, %s", err, ids(p))
	}
}

func TestARunningPoolFindsServers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "servers.json")
	put(t, path, `{"servers": [{"id": "a", "url": "`+backend(t, says("found")).URL+`"}]}`)
	p := newPool(t, Config{Discovery: DiscoveryConfig{File: path}})
	running(t, p)
	eventually(t, "the server", func() bool { return p.Stats().TotalServers == 1 })
	if code, body := send(t, p, request(t, "GET", "/", nil)); code != 200 || body != "found" {
		t.Errorf("got %d %s", code, body)
	}
	eventually(t, "the statistics", func() bool { d := p.Stats().Discovery; return len(d) == 1 && d[0].Servers == 1 })
	if err := p.Apply(Config{Discovery: DiscoveryConfig{File: path + ".not"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the failure", func() bool {
		d := p.Stats().Discovery
		return len(d) == 1 && d[0].Failures > 0 && strings.Contains(d[0].LastError, "no such file")
	})
	if n := p.Stats().TotalServers; n != 1 {
		t.Errorf("%d servers, want the last that were found", n)
	}
}

// nameServer answers questions of DNS over UDP on loopback.
func nameServer(t *testing.T, answer func(q dnsmessage.Question, b *dnsmessage.Builder) dnsmessage.RCode) string {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var p dnsmessage.Parser
			h, err := p.Start(buf[:n])
			if err != nil {
				continue
			}
			q, err := p.Question()
			if err != nil {
				continue
			}
			reply := func(code dnsmessage.RCode) ([]byte, dnsmessage.RCode) {
				b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true, RCode: code})
				_ = b.StartQuestions()
				_ = b.Question(q)
				_ = b.StartAnswers()
				code = answer(q, &b)
				text, _ := b.Finish()
				return text, code
			}
			text, code := reply(dnsmessage.RCodeSuccess)
			if code != dnsmessage.RCodeSuccess {
				text, _ = reply(code)
			}
			_, _ = conn.WriteTo(text, from)
		}
	}()
	return conn.LocalAddr().String()
}

func TestServersInDNS(t *testing.T) {
	t.Parallel()
	step := make(chan string, 64)
	now := "one"
	at := nameServer(t, func(q dnsmessage.Question, b *dnsmessage.Builder) dnsmessage.RCode {
		select {
		case now = <-step:
		default:
		}
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 7}
		switch {
		case now == "gone":
			return dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeSRV:
			for i, target := range []string{"b.test.", "a.test.", "spare.test."} {
				_ = b.SRVResource(h, dnsmessage.SRVResource{
					Priority: uint16(i / 2), Weight: uint16(3 * i), Port: uint16(8000 + i), Target: dnsmessage.MustNewName(target),
				})
			}
		case q.Type == dnsmessage.TypeAAAA:
			_ = b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}})
		case now == "one":
			_ = b.AResource(h, dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}})
		case now == "two":
			h.TTL = 3
			_ = b.AResource(h, dnsmessage.AResource{A: [4]byte{10, 0, 0, 2}})
			_ = b.AResource(h, dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}})
		case now == "metadata":
			_ = b.AResource(h, dnsmessage.AResource{A: [4]byte{169, 254, 169, 254}})
		}
		return dnsmessage.RCodeSuccess
	})
	names := []DNSConfig{
		{ID: "vllm", URL: "http://vllm.test.:8000/v1", Weight: 2, MaxConnections: 5},
		{ID: "srv", URL: "https://_vllm._tcp.test."},
	}
	p, err := New(Config{Discovery: DiscoveryConfig{DNS: names}})
	if err != nil {
		t.Fatal(err)
	}
	sources := p.view.Load().limits.Discovery.sources()
	for _, s := range sources {
		s.(*dnsSource).dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, at)
		}
	}
	for _, tt := range []struct {
		step, want string
		again      time.Duration
		fails      bool
	}{
		{"one", "vllm-10.0.0.1", 7 * time.Second, false},
		{"two", "vllm-10.0.0.1 vllm-10.0.0.2", 3 * time.Second, false},
		{"gone", "vllm-10.0.0.1 vllm-10.0.0.2", lookupAgain, true},
		{"metadata", "vllm-10.0.0.1 vllm-10.0.0.2", 7 * time.Second, true},
		{"one", "vllm-10.0.0.1", 7 * time.Second, false},
	} {
		step <- tt.step
		servers, again, err := sources[0].find(t.Context())
		if err == nil {
			err = p.found(t.Context(), sources[0].name(), servers)
		}
		if (err != nil) != tt.fails || again != tt.again || ids(p) != tt.want {
			t.Errorf("%s: %v, again in %v, servers %s; want %s, again in %v", tt.step, err, again, ids(p), tt.want, tt.again)
		}
	}
	if s := p.Servers()[0]; s.URL != "http://10.0.0.1:8000/v1" || s.Weight != 2 || s.MaxConnections != 5 {
		t.Errorf("got %+v", s)
	}
	if err := look(t, p, sources[1]); err != nil {
		t.Fatal(err)
	}
	if got, want := ids(p), "vllm-10.0.0.1 srv-a.test:8001 srv-b.test:8000"; got != want {
		t.Errorf("servers %s, want %s: those of the first priority", got, want)
	}
	if s, _ := p.Server("srv-a.test:8001"); s.Weight != 3 || s.URL != "https://a.test:8001" {
		t.Errorf("got %+v", s)
	}
}

func TestDiscoveryConfig(t *testing.T) {
	t.Parallel()
	err := Config{Discovery: DiscoveryConfig{
		Interval: -1,
		DNS: []DNSConfig{
			{ID: "a", URL: "https://vllm.internal"},
			{ID: "a", URL: "http://_x._tcp.internal:80", Weight: -1, MaxConnections: -1},
			{ID: "a:b", URL: "vllm"},
		},
	}}.Validate()
	for _, want := range []string{
		"load_balancer.discovery.interval: must not be negative",
		"load_balancer.discovery.dns[0].url: must be http or h2c",
		"load_balancer.discovery.dns[1].id: must be unique",
		"load_balancer.discovery.dns[1].url: must not have a port",
		"load_balancer.discovery.dns[1].weight: must be above 0",
		"load_balancer.discovery.dns[1].max_connections: must not be negative",
		"load_balancer.discovery.dns[2].id: must be 1 to 20 letters",
		"load_balancer.discovery.dns[2].url: must begin with",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing %s in\n%v", want, err)
		}
	}
}

func FuzzServersFile(f *testing.F) {
	f.Add([]byte(`{"servers": [{"id": "a", "url": "http://h", "weight": 2, "status": "maintenance"}]}`))
	f.Add([]byte(`{"servers": null} x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		servers, err := parseServers(text)
		if err == nil && errors.Join(validateServers("", servers)...) != nil {
			t.Errorf("%q was taken: %+v", text, servers)
		}
	})
}

func FuzzTTL(f *testing.F) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true})
	_ = b.StartAnswers()
	name := dnsmessage.MustNewName("a.")
	_ = b.AResource(dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 9}, dnsmessage.AResource{})
	text, err := b.Finish()
	if err != nil {
		f.Fatal(err)
	}
	if d, ok := ttlOf(text); !ok || d != 9*time.Second {
		f.Errorf("got %v, %v", d, ok)
	}
	f.Add(text)
	f.Add(slices.Concat(text, text))
	f.Fuzz(func(t *testing.T, message []byte) {
		if d, ok := ttlOf(message); d < 0 || !ok && d != 0 {
			t.Errorf("got %v, %v", d, ok)
		}
	})
}
