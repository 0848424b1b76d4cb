package main

import (
	"bytes"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

const want = `{"models": ["small", "large"]} from the cache: false
{"models": ["small", "large"]} from the cache: true
{"models": ["small", "large"]} from the cache: true
3 requests, 2 from the cache, 1 reached the backend
`
