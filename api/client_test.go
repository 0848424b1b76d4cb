package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// listen serves the kit on a listener until the test ends.
func (k *kit) listen(network, address string, handler http.Handler) net.Addr {
	k.t.Helper()
	ln, err := net.Listen(network, address)
	must(k.t, err)
	srv := k.HTTPServer()
	srv.Handler = handler
	done := make(chan error, 1)
	if network == "tcp" {
		ln = k.Listener(ln)
	}
	go func() { done <- srv.Serve(ln) }()
	k.t.Cleanup(func() {
		if err := srv.Shutdown(context.Background()); err != nil {
			k.t.Error(err)
		}
		<-done
	})
	return ln.Addr()
}

func TestClient(t *testing.T) {
	parts := realParts(t)
	k := newKit(t, parts)
	addr := k.listen("tcp", "127.0.0.1:0", k.Handler())
	socket := filepath.Join(t.TempDir(), "api.sock")
	k.listen("unix", socket, k.LocalHandler())

	for name, c := range map[string]struct{ target, token string }{
		"tcp":         {"http://" + addr.String(), k.secrets[Admin]},
		"socket":      {socket, ""},
		"socket, URL": {"unix://" + socket, ""},
	} {
		client, err := NewClient(c.target, c.token)
		must(t, err)
		defer client.Close()
		status, err := client.Status(t.Context())
		if err != nil || status.Version != "dev" {
			t.Errorf("%s: %+v %v", name, status, err)
		}
		var gc Collection
		if err := client.Post(t.Context(), "/memory/gc", nil, &gc); err != nil || gc.HeapBeforeMB <= 0 {
			t.Errorf("%s: %+v %v", name, gc, err)
		}
		if err := client.Put(t.Context(), "/profiler", map[string]any{"threshold_seconds": 0.3}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var made CreatedToken
		must(t, client.Post(t.Context(), "/tokens", map[string]string{"name": "x", "role": "viewer"}, &made))
		must(t, client.Delete(t.Context(), "/tokens/"+made.ID, nil))
		if doc, err := client.Document(t.Context(), "/openapi.json"); err != nil || !strings.HasPrefix(string(doc), "{") {
			t.Errorf("%s: %v", name, err)
		}
		var p *Problem
		if err := client.Patch(t.Context(), "/load-balancer/servers/x", map[string]int{"weight": 2}, nil); !errors.As(err, &p) || p.Status != 404 {
			t.Errorf("%s: %v", name, err)
		}
		err = client.Get(t.Context(), "/audit?limt=3", nil)
		if !errors.As(err, &p) || p.Status != 400 || p.Hint != "did you mean limit?" || !strings.Contains(err.Error(), p.Hint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	client, err := NewClient("http://"+addr.String(), "wrong")
	must(t, err)
	defer client.Close()
	var p *Problem
	if _, err := client.Status(t.Context()); !errors.As(err, &p) || p.Status != 401 || strings.Contains(err.Error(), "wrong\"") {
		t.Errorf("wrong token: %v", err)
	}
}

func TestClientFaults(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"", "127.0.0.1:8090", "ftp://x", "http://", "http://user:secret@x", "relative.sock"} {
		if _, err := NewClient(target, ""); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", target, err)
		}
	}
	client, err := NewClient(filepath.Join(t.TempDir(), "none.sock"), "top-secret-token")
	must(t, err)
	if _, err := client.Status(t.Context()); err == nil || strings.Contains(err.Error(), "top-secret") {
		t.Errorf("nobody there: %v", err)
	}
}
