package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, stream string
		want         []string // name|data
		whole        bool
	}{
		{"nothing", "", nil, true},
		{"one", "data: a\n\n", []string{"|a"}, true},
		{"named, CRLF", "event: x\r\ndata: a\r\n\r\n", []string{"x|a"}, true},
		{"CR", "data: a\r\rdata:b\r\r", []string{"|a", "|b"}, true},
		{"several lines", "data: a\ndata\ndata:  b\n\n", []string{"|a\n\n b"}, true},
		{"mark of the byte order", "\ufeffdata: a\n\n", []string{"|a"}, true},
		{"comments and other fields", ": hi\nid: 7\nretry: 1\ndata: a\n\n: bye\n\n", []string{"|a"}, true},
		{"a name without data is no event", "event: x\n\ndata: a\n\n", []string{"|a"}, true},
		{"cut in a line", "data: a\n\ndata: b", []string{"|a"}, false},
		{"cut before the empty line", "data: a\n\ndata: b\n", []string{"|a"}, false},
		{"cut in a name", "data: a\n\nev", []string{"|a"}, false},
		{"done without the empty line", "data: a\n\ndata: [DONE]\n", []string{"|a", "|[DONE]"}, true},
		{"done without any end", "data: a\n\ndata: [DONE]", []string{"|a", "|[DONE]"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events, whole := parseEvents([]byte(tt.stream))
			var got []string
			for _, e := range events {
				got = append(got, e.name+"|"+string(e.data))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || whole != tt.whole {
				t.Errorf("whole %v, want %v; %s", whole, tt.whole, diff)
			}
		})
	}
}

func FuzzParseEvents(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "event: x\r\ndata: a\ndata: b\r\r", "data: [DONE]", ":\n\n", "\ufeff\ndata", "data: {\"a\":1}\n\n" + streamOpenAI} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		given := bytes.Clone(stream)
		events, whole := parseEvents(stream)
		if !bytes.Equal(stream, given) {
			t.Fatal("the stream was changed")
		}
		var again []byte
		for _, e := range events {
			if bytes.ContainsAny(e.data, "\r\n") || strings.ContainsAny(e.name, "\r\n") {
				return // has no one-line form
			}
			again = appendEvent(again, e.name, e.data)
		}
		second, ok := parseEvents(again)
		if !ok || len(second) != len(events) {
			t.Fatalf("%d events written, %d read, whole %v", len(events), len(second), ok)
		}
		for i := range events {
			if events[i].name != second[i].name || !bytes.Equal(events[i].data, second[i].data) {
				t.Fatalf("event %d: %q became %q", i, events[i].data, second[i].data)
			}
		}
		_ = complete(stream, true)
		if !whole && complete(stream, true) {
			t.Fatal("half a stream is complete")
		}
		for _, to := range []form{formJSON, formStream, formStreamUsage} {
			if out, err := convert(stream, formStreamUsage, to); err == nil && len(out) == 0 {
				t.Fatal("an answer became nothing")
			}
		}
	})
}
