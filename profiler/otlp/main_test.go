package otlp

import (
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sentientcore/upshift/profiler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func newReceiver(tb testing.TB) (*Receiver, *profiler.Profiler) {
	tb.Helper()
	p, err := profiler.New(profiler.Config{})
	must(tb, err)
	return NewReceiver(p), p
}

// message is a protobuf message under construction.
type message []byte

func (m message) bytes(num protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, num, protowire.BytesType), b)
}

func (m message) number(num protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), v)
}

func (m message) fixed(num protowire.Number, v uint64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, num, protowire.Fixed64Type), v)
}

func text(key, value string) message {
	return message{}.bytes(1, []byte(key)).bytes(2, message{}.bytes(1, []byte(value)))
}

func whole(key string, value int64) message {
	return message{}.bytes(1, []byte(key)).bytes(2, message{}.number(3, uint64(value)))
}

// request is an ExportTraceServiceRequest with one span of each of the messages.
func request(service string, spans ...message) message {
	scope := message{}
	for _, s := range spans {
		scope = scope.bytes(2, s)
	}
	return message{}.bytes(1, message{}.bytes(2, scope).bytes(1, message{}.bytes(1, text("service.name", service))))
}

const second = uint64(1e9)

// spanOf lasts from one second to another of a trace.
func spanOf(id, parent byte, name string, from, to uint64, attributes ...message) message {
	m := message{}.bytes(1, []byte("trace-0123456789")).bytes(2, []byte{id, 1, 1, 1, 1, 1, 1, 1}).bytes(5, []byte(name)).
		fixed(7, (1_700_000_000+from)*second).fixed(8, (1_700_000_000+to)*second)
	if parent != 0 {
		m = m.bytes(4, []byte{parent, 1, 1, 1, 1, 1, 1, 1})
	}
	for _, a := range attributes {
		m = m.bytes(9, a)
	}
	return m
}
