package gateway

import "testing"

func FuzzOneRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=3-", "bytes=9-2", "bytes=-0", "bytes=4611686018427387903-"} {
		f.Add(s, int64(8))
	}
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if size < 0 || size > 1<<40 {
			return
		}
		first, last, ok := oneRange(s, size)
		if ok && first != size && (first < 0 || first > last || last >= size) {
			t.Fatalf("%q of %d bytes: %d to %d", s, size, first, last)
		}
	})
}
