package role_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/sentientcore/upshift/bench/role"
)

func TestTrouble(t *testing.T) {
	t.Parallel()
	url := serve(t, role.NewTrouble())
	put := func(kind string) int {
		resp, err := http.Post(url+"/trouble?kind="+kind, "", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := put("sorrow"); code != http.StatusBadRequest {
		t.Errorf("an unknown trouble: %d", code)
	}
	if resp, body := get(t, url+"/item"); resp.StatusCode != 200 || len(body) < 1000 {
		t.Errorf("calm: %d, %d bytes", resp.StatusCode, len(body))
	}
	put(role.Slow)
	begun := time.Now()
	get(t, url+"/item?us=2000")
	if took := time.Since(begun); took < 20*time.Millisecond {
		t.Errorf("slow: %v, want ten times 2 ms", took)
	}
	put(role.Failing)
	codes := map[int]int{}
	for range 200 {
		resp, _ := get(t, url+"/item")
		codes[resp.StatusCode]++
	}
	if codes[500] < 20 || codes[500] > 120 {
		t.Errorf("failing: %v, want some 60 of 200", codes)
	}
	put(role.Breaking)
	for _, path := range []string{"/item", "/stream?n=5"} {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s did not break off", path)
		}
		resp.Body.Close()
	}
	if resp, _ := get(t, url+"/health"); resp.StatusCode != 200 {
		t.Errorf("health: %d", resp.StatusCode)
	}
	if _, n := get(t, url+"/count"); n != "204" {
		t.Errorf("%s requests were counted, want 204", n)
	}
}
