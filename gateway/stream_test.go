package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sentientcore/upshift/gateway"
)

// tokens is a server that sends one event for each value of the channel.
func tokens(next <-chan string, gone chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=60") // a stream is never kept, whatever it says
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case token, ok := <-next:
				if !ok {
					return
				}
				fmt.Fprintf(w, "data: %s\n\n", token)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				close(gone)
				return
			}
		}
	}
}

func TestStreamsTokenByToken(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	r := newRig(t, options{}, backend(t, tokens(next, nil)).URL)
	res, err := r.client.Do(r.request("GET", "/v1/chat", http.NoBody)) // headers come before any token
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for i := range 20 {
		token := fmt.Sprint(i)
		next <- token // the next one is only sent when this one has arrived
		line, err := lines.ReadString('\n')
		if line != "data: "+token+"\n" || err != nil {
			t.Fatalf("token %d: got %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.gw.Stats(); s.StreamsActive != 1 || s.InFlight != 1 {
		t.Errorf("while it streams: %d streams, %d in flight; want 1 and 1", s.StreamsActive, s.InFlight)
	}
	close(next)
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("the end: %q, %v", rest, err)
	}
	eventually(t, "the stream to be counted out", func() bool { return r.gw.Stats().InFlight == 0 })
	s := r.gw.Stats()
	if s.Streams != 1 || s.ClientsGone != 0 || s.MeanFirstByteSeconds <= 0 || s.MeanSeconds != s.MeanFirstByteSeconds {
		t.Errorf("got %+v; want one stream that counts to its first byte", s)
	}
}

func TestStreamsOfUnknownLengthAreNotHeldBack(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for range 3 {
			fmt.Fprintln(w, `{"token":"x"}`)
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}).URL)
	res, err := r.client.Do(r.request("POST", "/api/generate", strings.NewReader("{}")))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for range 3 {
		if line, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		next <- struct{}{}
	}
}

func TestClientGoneCancelsTheServer(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before the headers", "in a stream", "in a body"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			arrived, gone := make(chan struct{}), make(chan struct{})
			r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.ReadAll(req.Body)
				switch when {
				case "in a stream":
					w.Header().Set("Content-Type", "text/event-stream")
					fmt.Fprint(w, "data: x\n\n")
				case "in a body":
					fmt.Fprint(w, "x")
				}
				if when != "before the headers" {
					_ = http.NewResponseController(w).Flush()
				}
				close(arrived)
				<-req.Context().Done()
				close(gone)
			}).URL)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			go func() {
				<-arrived
				leave()
			}()
			res, err := r.client.Do(r.request("POST", "/", strings.NewReader("prompt")).WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			<-gone // or the test times out
			eventually(t, "the client to be counted as gone", func() bool { return r.gw.Stats().ClientsGone == 1 })
			eventually(t, "the pool to count it", func() bool { return r.pool.Stats().Cancelled == 1 })
			if s := r.gw.Stats(); s.UpstreamErrors["truncated"]+s.UpstreamErrors["broken"] != 0 {
				t.Errorf("the server was blamed: %v", s.UpstreamErrors)
			}
		})
	}
}

func TestHundredStreams(t *testing.T) {
	t.Parallel()
	const streams, events = 100, 50
	together := make(chan struct{})
	var ready sync.WaitGroup
	ready.Add(streams)
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		ready.Done()
		<-together
		for i := range events {
			fmt.Fprintf(w, "data: %s %d\n\n", req.URL.RawQuery, i)
			_ = http.NewResponseController(w).Flush()
		}
	}).URL)
	go func() {
		ready.Wait()
		close(together)
	}()
	var wg sync.WaitGroup
	for n := range streams {
		wg.Go(func() {
			got := r.get(fmt.Sprintf("/events?%d", n))
			var want strings.Builder
			for i := range events {
				fmt.Fprintf(&want, "data: %d %d\n\n", n, i)
			}
			if got.body != want.String() || got.err != nil {
				t.Errorf("stream %d: %d bytes, want %d; %v", n, len(got.body), want.Len(), got.err)
			}
		})
	}
	wg.Wait()
	eventually(t, "the streams to be counted out", func() bool { return r.gw.Stats().StreamsActive == 0 })
	if s := r.gw.Stats(); s.Streams != streams || s.Requests != streams {
		t.Errorf("counted %d streams of %d requests, want %d", s.Streams, s.Requests, streams)
	}
}

// wsEcho answers each message with itself.
func wsEcho(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		if conn.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

func (r *rig) dialWebSocket() *websocket.Conn {
	r.Helper()
	conn, _, err := websocket.Dial(r.Context(), r.url+"/ws", &websocket.DialOptions{HTTPClient: r.client})
	if err != nil {
		r.Fatal(err)
	}
	return conn
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, wsEcho).URL)
	conn := r.dialWebSocket()
	for _, message := range []string{"hello", strings.Repeat("x", 30<<10)} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.Read(t.Context()); string(got) != message || err != nil {
			t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(message))
		}
	}
	if s := r.gw.Stats(); s.UpgradesActive != 1 || s.Upgrades != 1 {
		t.Errorf("upgrades %d, active %d; want 1 and 1", s.Upgrades, s.UpgradesActive)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	eventually(t, "the tunnel to be counted out", func() bool { return r.gw.Stats().UpgradesActive == 0 })
	if s := r.gw.Stats(); s.ByClass["1xx"] != 1 || s.MeanSeconds != 0 {
		t.Errorf("got %+v; want one upgraded connection without a duration", s)
	}
}

func TestIdleTunnelIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{cfg: gateway.Config{IdleTimeout: 50 * time.Millisecond}}, backend(t, wsEcho).URL)
	conn := r.dialWebSocket()
	defer conn.CloseNow()
	if _, _, err := conn.Read(t.Context()); err == nil {
		t.Error("an idle tunnel stayed open")
	}
}

func TestServerThatUpgradesUnasked(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: secret\r\n\r\n")
		_ = rw.Flush()
	}).URL)
	r.wantProblem(r.get("/"), http.StatusBadGateway)
	if s := r.gw.Stats(); s.Upgrades != 0 {
		t.Errorf("counted %d upgrades", s.Upgrades)
	}
}

// overH2C makes the client speak HTTP/2 without TLS.
func overH2C(t *testing.T) *http.Transport {
	t.Helper()
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: p, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestHTTP2OnBothSides(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		in := bufio.NewScanner(r.Body)
		for in.Scan() { // both directions at once, as gRPC streams do
			fmt.Fprintf(w, "%s %s\n", r.Proto, in.Text())
			_ = http.NewResponseController(w).Flush()
			next <- struct{}{}
		}
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	r := newRig(t, options{pool: target{overH2C(t), s.Listener.Addr().String()}})
	r.client.Transport = overH2C(t)
	body, in := io.Pipe()
	req := r.request("POST", "/svc/Method", body, "Te", "trailers")
	go func() {
		for i := range 5 {
			fmt.Fprintf(in, "message %d\n", i)
			<-next
		}
		in.Close()
	}()
	got := r.send(req)
	if got.Proto != "HTTP/2.0" || got.Trailer.Get("Grpc-Status") != "0" || strings.Count(got.body, "HTTP/2.0 message") != 5 {
		t.Errorf("got %s %q with trailer %v", got.Proto, got.body, got.Trailer)
	}
}

func TestHTTP2ClientToHTTP1Server(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, echo).URL)
	r.client.Transport = overH2C(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if e := r.echoed(r.request("POST", "/x", strings.NewReader("hello"))); e.Proto != "HTTP/1.1" || e.Body != "hello" {
				t.Errorf("got %+v", e)
			}
		})
	}
	wg.Wait()
	if n := r.gw.Stats().Connections; n != 1 {
		t.Errorf("%d connections for 20 requests over HTTP/2, want 1", n)
	}
}

// target sends every request to one address.
type target struct {
	http.RoundTripper
	addr string
}

func (p target) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = "http", p.addr
	return p.RoundTripper.RoundTrip(out)
}
