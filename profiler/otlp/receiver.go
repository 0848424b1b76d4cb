package otlp

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sentientcore/upshift/profiler"
)

const (
	maxAtOnce  = 4
	closeEvery = time.Second
	formBinary = "application/x-protobuf"
	formJSON   = "application/json"
)

// Receiver is an http.Handler for OTLP's /v1/traces. Safe for concurrent use. A nil *Receiver has nothing
// to report; it must not serve.
type Receiver struct {
	profiler *profiler.Profiler
	slots    chan struct{}

	mu         sync.Mutex // guards the fields below
	traces     map[[16]byte]*gathered
	held       int // spans in traces
	operations map[string]*Total
	agents     map[string]*Total
	runs       []Run // slowest first
	stats      Received
}

// NewReceiver returns one that records spans with p; nil means nowhere. It starts nothing: traces are looked
// at while Run runs.
func NewReceiver(p *profiler.Profiler) *Receiver {
	return &Receiver{
		profiler: p, slots: make(chan struct{}, maxAtOnce),
		traces: map[[16]byte]*gathered{}, operations: map[string]*Total{}, agents: map[string]*Total{},
	}
}

// Run looks at traces that have become quiet until ctx ends, then at all that are left, and returns nil.
func (r *Receiver) Run(ctx context.Context) error {
	tick := time.NewTicker(closeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.closeQuiet(time.Now(), true)
			return nil
		case now := <-tick.C:
			r.closeQuiet(now, false)
		}
	}
}

// ServeHTTP takes an ExportTraceServiceRequest in protobuf or JSON, also gzipped. It answers as OTLP says: with
// what was rejected, in the form of the request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	form, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil || form != formBinary && form != formJSON {
		r.refuse(w, formJSON, http.StatusUnsupportedMediaType, "Content-Type: must be "+formBinary+" or "+formJSON)
		return
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		w.Header().Set("Retry-After", "1")
		r.refuse(w, form, http.StatusServiceUnavailable, "four requests are being read; send it again")
		return
	}
	body, status, err := readBody(w, req)
	if err != nil {
		r.refuse(w, form, status, err.Error())
		return
	}
	var b *batch
	if form == formJSON {
		b, err = readJSON(body)
	} else {
		b, err = readProtobuf(body)
	}
	if err != nil {
		r.refuse(w, form, http.StatusBadRequest, err.Error())
		return
	}
	r.gather(b, time.Now())
	r.mu.Lock()
	r.stats.Requests++
	r.mu.Unlock()
	accepted(w, form, b)
}

// readBody reads at most maxBodyBytes, before and after it is unzipped.
func readBody(w http.ResponseWriter, req *http.Request) ([]byte, int, error) {
	in := io.Reader(http.MaxBytesReader(w, req.Body, maxBodyBytes))
	switch encoding := req.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("body: corrupt gzip: %w", err)
		}
		in = unzipped
	default:
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("Content-Encoding: must be gzip or none (got %.40q)", encoding)
	}
	body, err := io.ReadAll(io.LimitReader(in, maxBodyBytes+1))
	tooLong, isTooLong := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLong:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("body: must be at most %d bytes; export smaller batches", tooLong.Limit)
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("body: %w", err)
	case len(body) > maxBodyBytes:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("body: must be at most %d bytes unzipped; export smaller batches", maxBodyBytes)
	}
	return body, 0, nil
}

// accepted answers with an ExportTraceServiceResponse.
func accepted(w http.ResponseWriter, form string, b *batch) {
	w.Header().Set("Content-Type", form)
	if form == formJSON {
		type partial struct {
			Rejected int    `json:"rejectedSpans,string"`
			Message  string `json:"errorMessage"`
		}
		answer := struct {
			Partial *partial `json:"partialSuccess,omitempty"`
		}{}
		if b.rejected > 0 {
			answer.Partial = &partial{b.rejected, b.reason}
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that is gone needs no answer
		return
	}
	var partial, answer []byte
	if b.rejected > 0 {
		partial = protowire.AppendTag(partial, 1, protowire.VarintType)
		partial = protowire.AppendVarint(partial, uint64(b.rejected))
		partial = protowire.AppendTag(partial, 2, protowire.BytesType)
		partial = protowire.AppendString(partial, b.reason)
		answer = protowire.AppendTag(answer, 1, protowire.BytesType)
		answer = protowire.AppendBytes(answer, partial)
	}
	_, _ = w.Write(answer) // a client that is gone needs no answer
}

// refuse answers with a google.rpc.Status.
func (r *Receiver) refuse(w http.ResponseWriter, form string, status int, message string) {
	r.mu.Lock()
	r.stats.Refused++
	r.mu.Unlock()
	w.Header().Set("Content-Type", form)
	w.WriteHeader(status)
	if form == formJSON {
		_ = json.NewEncoder(w).Encode(map[string]any{"code": 3, "message": message}) // a client that is gone needs no answer
		return
	}
	answer := protowire.AppendTag(nil, 1, protowire.VarintType)
	answer = protowire.AppendVarint(answer, 3) // INVALID_ARGUMENT
	answer = protowire.AppendTag(answer, 2, protowire.BytesType)
	_, _ = w.Write(protowire.AppendString(answer, message)) // a client that is gone needs no answer
}
