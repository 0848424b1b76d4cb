package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestCallSendsJSONAndForms(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fault" {
			http.Error(w, "no such thing", http.StatusNotFound)
			return
		}
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		fmt.Fprintf(w, "%s %s", r.Header.Get("Content-Type"), body)
	}))
	t.Cleanup(s.Close)
	p := &product{api: s.Listener.Addr().String(), client: s.Client()}
	got, err := p.call(t.Context(), http.MethodPost, "/", map[string]any{"a": 1})
	if want := `application/json {"a":1}`; string(got) != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	got, err = p.call(t.Context(), http.MethodPost, "/", known{}.acts()["/api/v1/query"])
	if want := "application/x-www-form-urlencoded query=up"; string(got) != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	_, err = p.call(t.Context(), http.MethodGet, "/fault", nil)
	if status := (*statusError)(nil); !errors.As(err, &status) || status.code != http.StatusNotFound {
		t.Errorf("got %v, want a status of 404", err)
	}
}
