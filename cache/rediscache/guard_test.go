package rediscache

import (
	"errors"
	"strings"
	"testing"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		stream string
		whole  int
		bad    bool
	}{
		{"+OK\r\n", 1, false},
		{"-ERR x\r\n:1\r\n_\r\n#t\r\n,1.5\r\n(123\r\n", 6, false},
		{"$5\r\nhe\r\no\r\n", 1, false},
		{"$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n", 4, false},
		{"*2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n", 1, false},
		{"%1\r\n+k\r\n+v\r\n~1\r\n:1\r\n", 2, false},
		{"|1\r\n+k\r\n+v\r\n+OK\r\n", 1, false},
		{">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n+OK\r\n", 1, false},
		{"$3\r\nab", 0, false},
		{"$9999999999999\r\n", 0, true},
		{"$-2\r\n", 0, true},
		{"$?\r\n", 0, true},
		{"*9999999\r\n", 0, true},
		{"HTTP/1.1 400 Bad Request\r\n", 0, true},
		{"+OK\n", 0, true},
		{"\x00\xff\r\n", 0, true},
		{strings.Repeat("*1\r\n", maxDepth+1), 0, true},
		{"+" + strings.Repeat("x", maxLine), 0, true},
	} {
		for size := range min(len(test.stream), 12) { // in pieces of each size
			var f frames
			whole, bad := 0, error(nil)
			for rest := test.stream; rest != "" && bad == nil; {
				n := min(size+1, len(rest))
				var ended int
				ended, bad = f.feed([]byte(rest[:n]))
				whole += ended
				rest = rest[n:]
			}
			if whole != test.whole || (bad != nil) != test.bad || bad != nil && !errors.Is(bad, errGarbage) {
				t.Errorf("%.40q in pieces of %d: %d whole, %v", test.stream, size+1, whole, bad)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add("*2\r\n$1\r\na\r\n:1\r\n", 3)
	f.Add(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", 1)
	f.Add("|1\r\n+k\r\n+v\r\n%1\r\n_\r\n_\r\n", 2)
	f.Fuzz(func(t *testing.T, stream string, at int) {
		var whole, pieces frames
		n, err := whole.feed([]byte(stream))
		if at < 0 || at > len(stream) {
			return
		}
		first, failed := pieces.feed([]byte(stream[:at]))
		if failed == nil {
			var second int
			second, failed = pieces.feed([]byte(stream[at:]))
			first += second
		}
		if first != n || (failed == nil) != (err == nil) {
			t.Errorf("whole: %d, %v; in two pieces: %d, %v", n, err, first, failed)
		}
	})
}
