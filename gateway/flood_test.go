package gateway_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentientcore/upshift/gateway"
)

// Types and flags of frames of HTTP/2 (RFC 9113 section 6).
const (
	frameHeaders, frameReset, frameSettings, framePing, frameContinuation = 1, 3, 4, 6, 9

	endStream, endHeaders = 1, 4
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	f := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	f = append(f, flags)
	f = binary.BigEndian.AppendUint32(f, stream)
	return append(f, payload...)
}

// h2 opens a connection of HTTP/2 and sends its preface.
func (r *rig) h2() net.Conn {
	r.Helper()
	conn := r.dial()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.Fatal(err)
	}
	r.put(conn, append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(frameSettings, 0, 0, nil)...))
	return conn
}

// put sends bytes, and reports whether they went away.
func (r *rig) put(conn net.Conn, p []byte) bool {
	_, err := conn.Write(p)
	return err == nil
}

// get / of host a, by the static table of HPACK.
var getHeaders = append([]byte{0x82, 0x86, 0x84, 0x41, 1}, 'a')

// served fails unless another client is served, and nothing of the flood is left in the end.
func (r *rig) served() {
	r.Helper()
	if got := r.get("/fine"); got.StatusCode != http.StatusOK || got.body != "fine" {
		r.Errorf("another client got %d %q", got.StatusCode, got.body)
	}
	eventually(r.T, "the flood to be over", func() bool { return r.gw.Stats().InFlight == 0 })
}

// hangs is a server that answers /fine, and otherwise nothing until the client has left.
func hangs(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/fine" {
		_, _ = io.WriteString(w, "fine")
		return
	}
	<-r.Context().Done()
}

// Streams that are reset as soon as they are opened do not open more of them than a connection may
// have (CVE-2023-44487).
func TestRapidReset(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, hangs).URL)
	conn := r.h2()
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	most, cut := int64(0), false
	for i := range uint32(10_000) {
		pair := frame(frameHeaders, endStream|endHeaders, 2*i+1, getHeaders)
		pair = append(pair, frame(frameReset, 0, 2*i+1, []byte{0, 0, 0, 8})...)
		if cut = !r.put(conn, pair); cut {
			break
		}
		most = max(most, r.gw.Stats().InFlight)
	}
	if most > 100 {
		t.Errorf("%d requests at a time, want at most 100", most)
	}
	r.served()
	conn.Close()
	t.Logf("at most %d at a time, the connection was cut: %v", most, cut)
}

// A head that never ends is cut (CVE-2023-45288).
func TestContinuationFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, hangs).URL)
	conn := r.h2()
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	field := append([]byte{0, 7}, "x-flood"...)
	field = append(append(field, 100), strings.Repeat("x", 100)...)
	part := []byte(strings.Repeat(string(field), 100))
	sent := len(part)
	ok := r.put(conn, frame(frameHeaders, endStream, 1, append(append([]byte{}, getHeaders...), part...)))
	for ; ok && sent < 256<<20; sent += len(part) {
		ok = r.put(conn, frame(frameContinuation, 0, 1, part))
	}
	if ok {
		t.Errorf("%d bytes of a head were taken", sent)
	}
	r.served()
	if s := r.gw.Stats(); s.Requests != 1 {
		t.Errorf("%d requests, want only the other client's", s.Requests)
	}
}

// Frames that want an answer, of a client that takes none, do not keep others from theirs: the
// connection is cut, or the answers are made one.
func TestControlFrameFloods(t *testing.T) {
	t.Parallel()
	for name, f := range map[string][]byte{
		"ping": frame(framePing, 0, 0, make([]byte, 8)), "settings": frame(frameSettings, 0, 0, nil),
		"reset of what is none": append(frame(frameHeaders, endStream|endHeaders, 1, []byte{0x82}), frame(frameReset, 0, 1, make([]byte, 4))...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{noCache: true, cfg: gateway.Config{WriteTimeout: time.Second}}, backend(t, hangs).URL)
			conn := r.h2()
			batch := []byte(strings.Repeat(string(f), 1000))
			most, cut := 20_000, false // batches
			if name == "settings" {
				most = 300 // whose acknowledgements are put together
			}
			for n := 0; n < most && !cut; n++ {
				cut = !r.put(conn, batch)
			}
			r.served()
			conn.Close()
			if name != "settings" && !cut {
				t.Error("the connection was not cut")
			}
		})
	}
}

// Heads that come drop by drop are cut, and others are served meanwhile.
func TestSlowHeads(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noCache: true}, backend(t, hangs).URL)
	cut := make(chan error, 50)
	for range cap(cut) {
		conn := r.dial()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		r.put(conn, []byte("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "))
		go func() {
			_, err := io.Copy(io.Discard, conn) // until the gateway closes it
			cut <- err
		}()
	}
	r.served()
	for range cap(cut) {
		if err := <-cut; err != nil {
			t.Errorf("a slow one was not cut: %v", err)
		}
	}
}
