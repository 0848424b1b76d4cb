package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentientcore/upshift/gateway"
)

// raw sends bytes on one connection and returns every answer until the gateway closes it.
// The connection's sending side stays open.
func (r *rig) raw(request string) []string {
	r.Helper()
	conn, err := new(net.Dialer).DialContext(r.Context(), "tcp", r.addr)
	if err != nil {
		r.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		r.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, request) }() // what is refused may not be read to its end
	var statuses []string
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, res.Body)
		statuses = append(statuses, res.Status[:3])
		if res.Close {
			return statuses
		}
	}
}

// Each case is followed on the same connection by a request that must be answered as what it
// is or not at all, and by one that closes the connection.
const canary = "GET /canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

func TestRawRequests(t *testing.T) { //nolint:tparallel // the server's account is of one case at a time
	t.Parallel()
	var got atomic.Pointer[[]string] // targets that servers saw
	got.Store(&[]string{})
	s := backend(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // a request that was not completed is none
		}
		seen := r.Method + " " + r.RequestURI + " " + string(body)
		for {
			old := got.Load()
			next := append(append([]string{}, *old...), seen)
			if got.CompareAndSwap(old, &next) {
				return
			}
		}
	})
	r := newRig(t, options{cfg: gateway.Config{MaxBodyBytes: 1000}, noCache: true}, s.URL)
	long := strings.Repeat("x", 9<<10)
	for _, tt := range []struct {
		name, request string
		want          string // statuses
		seen          string // what the server got; "" is nothing
	}{
		{"plain", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "200 200", "GET /a "},
		{"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "405", ""},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "405", ""},
		{"absolute form", "GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"absolute form, same host", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"authority form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", ""},
		{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400", ""},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", ""},
		{"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", ""},
		{"host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400", ""},
		{"host with a comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "400", ""},
		{"host with a bad port", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "400", ""},
		{"IPv6 host", "GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200 200", "GET /a "},
		{"dot segments", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"escaped dot segments", "GET /a/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"dot segments, escaped slash", "GET /a/..%2fb HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"dot segments, backslash", "GET /a/..%5cb HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"a dot at the end", "GET /a/. HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"dots in names", "GET /a../..b/.well-known HTTP/1.1\r\nHost: a\r\n\r\n", "200 200", "GET /a../..b/.well-known "},
		{"a zero in the path", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"a line feed in the path", "GET /a%0ab HTTP/1.1\r\nHost: a\r\n\r\n", "400", ""},
		{"long target", "GET /" + long + " HTTP/1.1\r\nHost: a\r\n\r\n", "414", ""},
		{"HTTP/1.9", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", "505", ""},
		{"HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505", ""},
		{"many headers", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: 1\r\n", 200) + "\r\n", "431", ""},
		{"long headers", "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat(long, 5) + "\r\n\r\n", "431", ""},
		{"space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n", "400", ""},
		{"bad header name", "GET / HTTP/1.1\r\nHost: a\r\nX(A: 1\r\n\r\n", "400", ""},
		{"control character in a header", "GET / HTTP/1.1\r\nHost: a\r\nX-A: a\x00b\r\n\r\n", "400", ""},
		{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400", ""},
		{"length and a list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd", "400", ""},
		{"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400", ""},
		{"length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", "400", ""},
		{
			"length and chunked", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n" +
				"3\r\nabc\r\n0\r\n\r\n", "200 200", "POST /a abc",
		},
		{
			"chunked hidden by a length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" +
				"0\r\n\r\n", "200 200", "POST /a ",
		},
		{"unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501", ""},
		{"two codings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501", ""},
		{
			"two coding lines", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" +
				"0\r\n\r\n", "501", "",
		},
		{"bad chunk size", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", "400", ""},
		{
			"a request in a chunk extension", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
				"3;x=GET /b HTTP/1.1\r\nabc\r\n0\r\n\r\n", "200 200", "POST /a abc",
		},
		{"underscore length", "POST /a HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\nContent-Length: 0\r\n\r\n", "200 200", "POST /a "},
		{"upgrade to h2c", "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", "200 200", "GET /a "},
		{"declared body too long", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "413", ""},
		{
			"chunked body too long", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
				strings.Repeat("x", 2000) + "\r\n0\r\n\r\n", "413", "",
		},
		{"a loop", "GET / HTTP/1.1\r\nHost: a\r\nVia: " + strings.Repeat("1.1 upshift, ", 5) + "1.1 x\r\n\r\n", "508", ""},
		{"via others", "GET /a HTTP/1.1\r\nHost: a\r\nVia: 1.1 upshift, 1.1 x\r\n\r\n", "200 200", "GET /a "},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "400", ""},
		{"unknown method", "BREW /a HTTP/1.1\r\nHost: a\r\n\r\n", "200 200", "BREW /a "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got.Store(&[]string{})
			statuses := strings.Join(r.raw(tt.request+canary), " ")
			if statuses != tt.want {
				t.Errorf("statuses %q, want %q", statuses, tt.want)
			}
			want := []string{}
			if tt.seen != "" {
				want = append(want, tt.seen)
			}
			if strings.HasSuffix(tt.want, " 200") {
				want = append(want, "GET /canary ")
			}
			if strings.Join(*got.Load(), "|") != strings.Join(want, "|") {
				t.Errorf("the server saw %q, want %q", *got.Load(), want)
			}
			for _, seen := range *got.Load() {
				if strings.Contains(seen, "/b") && !strings.Contains(tt.seen, "/..b") {
					t.Errorf("smuggled: the server saw %q", seen)
				}
			}
		})
	}
}

func TestRefusalsAreProblems(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{}, backend(t, echo).URL)
	got := r.send(r.request(http.MethodTrace, "/", http.NoBody))
	p := r.wantProblem(got, http.StatusMethodNotAllowed)
	if !strings.Contains(p.Detail, "TRACE") || !got.Close {
		t.Errorf("got %+v, close %v", p, got.Close)
	}
	s := r.gw.Stats()
	if s.Refused["method"] != 1 || s.ByClass["4xx"] != 1 {
		t.Errorf("counted %v %v, want one refused method", s.Refused, s.ByClass)
	}
}
