package gateway_test

import (
	"fmt"
	"testing"
)

func TestRangesOfAKeptAnswer(t *testing.T) {
	t.Parallel()
	r, o := cached(t, headers("Cache-Control", "max-age=60", "Etag", `"v1"`))
	if got := r.get("/", "Range", "bytes=0-1"); got.StatusCode != 200 || o.requests.Load() != 1 {
		t.Errorf("before there is an answer: %d", got.StatusCode)
	}
	whole := r.get("/").body // "answer 2"
	for _, tt := range []struct {
		ask, span, body string
		status          int
		more            []string
	}{
		{ask: "bytes=0-1", status: 206, span: "bytes 0-1/8", body: "an"},
		{ask: "bytes=4-", status: 206, span: "bytes 4-7/8", body: "er 2"},
		{ask: "bytes=-3", status: 206, span: "bytes 5-7/8", body: "r 2"},
		{ask: "bytes=-99", status: 206, span: "bytes 0-7/8", body: whole},
		{ask: "bytes=6-99", status: 206, span: "bytes 6-7/8", body: " 2"},
		{ask: "bytes=7-7", status: 206, span: "bytes 7-7/8", body: "2"},
		{ask: "bytes=8-", status: 416, span: "bytes */8"},
		{ask: "bytes=-0", status: 416, span: "bytes */8"},
		{ask: "bytes=0-1", status: 206, span: "bytes 0-1/8", body: "an", more: []string{"If-Range", `"v1"`}},
	} {
		got := r.get("/", append([]string{"Range", tt.ask}, tt.more...)...)
		if got.StatusCode != tt.status || got.Header.Get("Content-Range") != tt.span || got.body != tt.body ||
			got.ContentLength != int64(len(tt.body)) || got.Header.Get("Etag") != `"v1"` || got.Header.Get("Age") == "" {
			t.Errorf("%s: got %d %q %v", tt.ask, got.StatusCode, got.body, got.Header)
		}
	}
	if n := o.requests.Load(); n != 2 {
		t.Fatalf("%d requests, want 2", n)
	}
	for i, ask := range [][]string{
		{"bytes=0-1,3-4"},
		{"bytes=5-2"},
		{"bytes=x-"},
		{"bytes=-"},
		{"lines=1-2"},
		{"bytes=99999999999999999999-"},
		{"bytes=0-1", "If-Range", `"v0"`},
		{"bytes=0-1", "If-Range", `W/"v1"`},
		{"bytes=0-1", "If-Range", "Mon, 01 Jan 2024 00:00:00 GMT"},
		{"bytes=0-1", "Cache-Control", "no-cache"},
		{"bytes=0-1", "If-None-Match", `"v1"`},
	} {
		got := r.get("/", append([]string{"Range"}, ask...)...)
		if got.body != fmt.Sprintf("answer %d", 3+i) {
			t.Errorf("%v did not reach the server: %d %q", ask, got.StatusCode, got.body)
		}
	}
	if got := r.get("/"); got.body != whole {
		t.Errorf("the kept answer became %q", got.body)
	}
}
