package llm

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"time"
)

const (
	// maxPacked bounds what is kept of an answer that comes compressed, maxUnpacked what is read of it.
	maxPacked   = 1 << 20
	maxUnpacked = 8 << 20
)

// Answer is what an answer said of itself.
type Answer struct {
	// Model is the one that answered, empty if it was not said. Tier is the class of service,
	// empty for the usual one.
	Model, Tier string
	// Usage is what the server counted; UsageKnown is false if it did not say.
	Usage      Usage
	UsageKnown bool
	// Finish is why the answer ended, empty if it was not said.
	Finish string
	// Failed says that the answer was an error, though its status may have said otherwise.
	Failed bool
	// Whole says that a stream came to its end; Read is false for an answer in a coding that is
	// not read.
	Whole, Read bool
	// Pieces are the parts of a stream that said something, each of about one token.
	Pieces int64
	// FirstPiece and LastPiece are when the first and the last of them came, since the request
	// was sent; zero without any.
	FirstPiece, LastPiece time.Duration
}

// Meter reads the body of an answer as it passes, in pieces of any size. It keeps nothing of it but
// what it looks for, and never fails. It is for one goroutine.
type Meter struct {
	// Gap is told the time between two pieces of a stream that said something. It may be nil.
	Gap func(time.Duration)

	api     API
	stream  bool
	packed  bool
	scan    *scanner
	events  events
	buf     []byte // what came compressed
	over    bool
	now     time.Duration
	answer  Answer
	counted counted

	// Of the event under way.
	kind    []byte
	said    bool
	opening []byte // the first bytes of its data
}

// NewMeter returns a meter of an answer of the interface, which is a stream of events or an object.
// Encoding is its Content-Encoding: gzip is unpacked at the end, others are not read.
func NewMeter(api API, stream bool, encoding string) *Meter {
	m := &Meter{api: api, stream: stream}
	m.scan = newScanner(answerWants, m.found)
	m.events = events{data: m.eventData, end: m.endEvent}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		m.answer.Read = true
	case "gzip", "x-gzip":
		m.packed = true
	default:
		m.over = true
	}
	return m
}

// Write reads on; at is the time since the request was sent.
func (m *Meter) Write(p []byte, at time.Duration) {
	m.now = at
	switch {
	case m.over:
	case m.packed && len(m.buf)+len(p) > maxPacked:
		m.buf, m.over = nil, true
	case m.packed:
		m.buf = append(m.buf, p...)
	case m.stream:
		m.events.write(p)
	default:
		m.scan.write(p)
	}
}

// End returns what the answer said, of which no more will come.
func (m *Meter) End() Answer {
	if m.packed && !m.over {
		m.unpack()
	}
	if m.stream {
		m.events.finish()
	}
	m.answer.Usage, m.answer.UsageKnown = m.counted.usage(m.api)
	if m.answer.Tier == "" {
		m.answer.Tier = tier(m.counted.Tier)
	}
	return m.answer
}

// unpack reads what came compressed, as far as it goes.
func (m *Meter) unpack() {
	z, err := gzip.NewReader(bytes.NewReader(m.buf))
	m.buf = nil
	if err != nil {
		return
	}
	m.packed, m.answer.Read = false, true
	text := io.LimitReader(z, maxUnpacked)
	buf := make([]byte, 16<<10)
	pieces := m.answer.Pieces
	for {
		n, err := text.Read(buf)
		m.Write(buf[:n], m.now)
		if err != nil {
			break
		}
	}
	if pieces == 0 { // when they came is not known
		m.answer.FirstPiece, m.answer.LastPiece = 0, 0
	}
}

var done = []byte("[DONE]")

// eventData reads a piece of the data of an event.
func (m *Meter) eventData(piece []byte) {
	if room := len(done) - len(m.opening); room > 0 {
		m.opening = append(m.opening, piece[:min(room, len(piece))]...)
	}
	m.scan.write(piece)
}

func (m *Meter) endEvent() {
	if bytes.Equal(m.opening, done) {
		m.answer.Whole = true
	}
	switch string(m.kind) {
	case "message_stop", "response.completed", "response.incomplete":
		m.answer.Whole = true
	case "response.failed":
		m.answer.Whole, m.answer.Failed = true, true
	case "error":
		m.answer.Failed = true
	}
	if m.said {
		m.piece()
	}
	m.kind, m.said, m.opening = m.kind[:0], false, m.opening[:0]
	m.scan.reset()
}

// piece notes that something was said.
func (m *Meter) piece() {
	a := &m.answer
	if a.Pieces++; a.Pieces == 1 {
		a.FirstPiece = m.now
	} else if m.Gap != nil {
		m.Gap(m.now - a.LastPiece)
	}
	a.LastPiece = m.now
}
