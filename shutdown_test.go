package upshift_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sentientcore/upshift"
)

// Requests in flight finish while the doors close.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "late but whole")
	}))
	defer slow.Close()
	m, err := upshift.New(testConfig(t, slow.URL), upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	type result struct {
		status int
		body   string
	}
	answered, stopped := make(chan result, 1), make(chan error, 1)
	url := "http://" + m.GatewayAddr() + "/"
	go func() {
		status, body := get(t, url)
		answered <- result{status, body}
	}()
	<-arrived
	go func() { stopped <- m.Shutdown(context.Background()) }()
	for m.Ready() == nil {
		time.Sleep(time.Millisecond) // until the shutdown has begun
	}
	close(release)
	if got := <-answered; got.status != http.StatusOK || got.body != "late but whole" {
		t.Errorf("the request in flight got %+v", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if err := m.Start(t.Context()); err == nil {
		t.Error("started again after a shutdown")
	}
}

// Whoever shuts down with a deadline does not wait for the drain timeout.
func TestShutdownEndsWithItsContext(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer stuck.Close()
	defer close(release)
	cfg := testConfig(t, stuck.URL)
	cfg.Gateway.DrainTimeout = time.Hour
	m, err := upshift.New(cfg, upshift.Collaborators{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answered := make(chan int, 1)
	url := "http://" + m.GatewayAddr() + "/"
	go func() {
		status, _ := get(t, url)
		answered <- status
	}()
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if status := <-answered; status != http.StatusServiceUnavailable {
		t.Errorf("the request in flight got %d, want 503", status)
	}
}
