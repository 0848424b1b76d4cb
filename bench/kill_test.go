package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// samplesServer shows one series with the given values.
func samplesServer(t *testing.T, values ...string) *product {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.FormValue("query") != ledger {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"b":"2","a":"1"},"values":[%s]}]}}`,
			strings.Join(values, ","))
	}))
	t.Cleanup(s.Close)
	return &product{api: s.Listener.Addr().String(), token: "secret", client: s.Client()}
}

func TestMissingSamples(t *testing.T) {
	t.Parallel()
	known := samples{}
	before := samplesServer(t, `[1.5,"10"]`, `[2.5,"20"]`, `[3.5,"30"]`)
	if err := before.acknowledged(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	if known.count() != 3 {
		t.Fatalf("%d samples, want 3", known.count())
	}
	for _, tt := range []struct {
		name  string
		after []string
		want  int
	}{
		{"all there, and more", []string{`[1.5,"10"]`, `[2.5,"20"]`, `[3.5,"30"]`, `[4.5,"1"]`}, 0},
		{"one lost", []string{`[1.5,"10"]`, `[3.5,"30"]`}, 1},
		{"one changed", []string{`[1.5,"10"]`, `[2.5,"21"]`, `[3.5,"30"]`}, 1},
		{"none", nil, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := samplesServer(t, tt.after...).missing(t.Context(), known)
			if err != nil || got != tt.want {
				t.Errorf("got %d, %v; want %d", got, err, tt.want)
			}
		})
	}
}
