package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// caller is one way to come to a route.
type caller struct {
	name string
	role Role // what it may do; 0 is nobody
	set  func(*http.Request)
}

func bearer(secret string) func(*http.Request) { return withHeader("Authorization", "Bearer "+secret) }

// TestAuthorizationMatrix calls every route of the table as everybody. What a caller may
// not do is refused; what it may gets past the guard.
func TestAuthorizationMatrix(t *testing.T) {
	k := newKit(t, Parts{})
	_, expired, err := k.tokens.Create(NewToken{Name: "expired", Role: Admin, Expires: time.Now().Add(time.Hour)})
	must(t, err)
	k.tokens.mu.Lock()
	for _, s := range k.tokens.tokens {
		if s.Name == "expired" {
			s.Expires = time.Now().Add(-time.Second)
		}
	}
	k.tokens.mu.Unlock()
	tok, revoked, err := k.tokens.Create(NewToken{Name: "revoked", Role: Admin})
	must(t, err)
	must(t, k.tokens.Revoke(tok.ID))
	callers := []caller{
		{"none", 0, func(*http.Request) {}},
		{"garbage", 0, bearer("garbage")},
		{"empty", 0, bearer("")},
		{"basic", 0, withHeader("Authorization", "Basic YTpi")},
		{"well formed, unknown", 0, bearer(newSecret())},
		{"two headers", 0, func(r *http.Request) {
			r.Header["Authorization"] = []string{"Bearer " + k.secrets[Admin], "Bearer " + k.secrets[Admin]}
		}},
		{"cookie of nobody", 0, withHeader("Cookie", "upshift_session_8090=nobody")},
		{"expired", 0, bearer(expired)},
		{"revoked", 0, bearer(revoked)},
		{"viewer", Viewer, bearer(k.secrets[Viewer])},
		{"operator", Operator, bearer(k.secrets[Operator])},
		{"admin", Admin, bearer(k.secrets[Admin])},
	}
	for _, rt := range k.Routes() {
		for i, c := range callers {
			if strings.HasSuffix(rt.Path, "/events") && c.role >= rt.Role {
				continue // endless; see TestEvents
			}
			path := strings.NewReplacer("{id}", "x", "{name}", "x").Replace(rt.Path)
			from := func(r *http.Request) { r.RemoteAddr = fmt.Sprintf("10.0.%d.1:1", i) } // so that no limit mixes in
			w := k.ask(0, rt.Method, path, "", c.set, from)
			k.limiter.sweep(time.Now().Add(time.Hour))
			got := w.Code
			switch {
			case rt.Role == Open || c.role >= rt.Role:
				if got == http.StatusUnauthorized || got == http.StatusForbidden || got == http.StatusTooManyRequests {
					t.Errorf("%s %s (%s) as %s: %d, want to get in", rt.Method, rt.Path, rt.Role, c.name, got)
				}
			case c.role == 0 && got != http.StatusUnauthorized:
				t.Errorf("%s %s (%s) as %s: %d, want 401", rt.Method, rt.Path, rt.Role, c.name, got)
			case c.role != 0 && got != http.StatusForbidden:
				t.Errorf("%s %s (%s) as %s: %d, want 403", rt.Method, rt.Path, rt.Role, c.name, got)
			}
			if got == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s as %s: 401 without WWW-Authenticate", rt.Method, rt.Path, c.name)
			}
		}
	}
}

// TestEveryRouteHasARole holds the roles of SPEC section 2.
func TestEveryRouteHasARole(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{})
	open := []string{
		base + "/health", base + "/session", "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/docs.js", "/docs/docs.css",
	}
	for _, rt := range k.Routes() {
		isOpen := false
		for _, p := range open {
			isOpen = isOpen || rt.Path == p && (p != base+"/session" || rt.Method != http.MethodGet)
		}
		if (rt.Role == Open) != isOpen {
			t.Errorf("%s %s is %s", rt.Method, rt.Path, rt.Role)
		}
		if rt.Method == http.MethodGet && rt.Role == Operator {
			t.Errorf("%s %s: reading needs %s", rt.Method, rt.Path, rt.Role)
		}
	}
}

func TestARouteWithoutRoleIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t, Parts{})
	good := on(get("/x"), Viewer, "X", k.status)
	for _, tt := range []struct {
		name  string
		table []Route
		want  string
	}{
		{"no role", []Route{on(get("/x"), 0, "X", k.status)}, "has no role"},
		{"a role that there is not", []Route{on(get("/x"), Admin+1, "X", k.status)}, "has no role"},
		{"open and changing", []Route{on(post("/x"), Open, "X", k.status)}, "changes something and is open"},
		{"no summary", []Route{on(get("/x"), Viewer, "", k.status)}, "is incomplete"},
		{"twice", []Route{good, good}, "is there twice"},
	} {
		b := newBinder("test", k.guard)
		if err := b.bindAll(tt.table); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestSessions(t *testing.T) {
	k := newKit(t, Parts{})
	w := k.ask(0, "POST", base+"/session", `{"token":"`+k.secrets[Operator]+`"}`)
	if who := dataOf[Identity](t, w); who.Role != Operator || who.Via != "session" || who.Expires.IsZero() {
		t.Fatalf("logged in as %+v", who)
	}
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure || cookie.Domain != "" {
		t.Errorf("cookie %+v", cookie)
	}
	with := func(r *http.Request) { r.AddCookie(cookie) }
	if who := dataOf[Identity](t, k.ask(0, "GET", base+"/session", "", with)); who.Role != Operator || who.TokenID != k.ids[Operator] {
		t.Errorf("who am I: %+v", who)
	}
	if w := k.ask(0, "POST", base+"/config/reload", "", with); w.Code != http.StatusForbidden {
		t.Errorf("operator's login on an admin route: %d", w.Code)
	}
	for site, want := range map[string]int{"same-origin": 200, "none": 200, "": 200, "same-site": 403, "cross-site": 403} {
		if w := k.ask(0, "GET", base+"/session", "", with, withHeader("Sec-Fetch-Site", site)); w.Code != want {
			t.Errorf("cookie used from %q: %d, want %d", site, w.Code, want)
		}
	}
	w = k.ask(0, "DELETE", base+"/session", "", with)
	if gone := w.Result().Cookies(); w.Code != 200 || len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("logout: %d %v", w.Code, gone)
	}
	if w := k.ask(0, "GET", base+"/session", "", with); w.Code != http.StatusUnauthorized {
		t.Errorf("after logout: %d", w.Code)
	}
}

func TestRevokingATokenEndsItsSessions(t *testing.T) {
	k := newKit(t, Parts{})
	w := k.ask(0, "POST", base+"/session", `{"token":"`+k.secrets[Viewer]+`"}`)
	cookie := w.Result().Cookies()[0]
	with := func(r *http.Request) { r.AddCookie(cookie) }
	dataOf[Identity](t, k.ask(0, "GET", base+"/session", "", with))
	dataOf[[]Token](t, k.ask(Admin, "DELETE", base+"/tokens/"+k.ids[Viewer], ""))
	if w := k.ask(0, "GET", base+"/session", "", with); w.Code != http.StatusUnauthorized {
		t.Errorf("login of a revoked token: %d", w.Code)
	}
	if w := k.ask(Viewer, "GET", base+"/session", ""); w.Code != http.StatusUnauthorized {
		t.Errorf("revoked token: %d", w.Code)
	}
}

func TestBruteForce(t *testing.T) {
	k := newKit(t, Parts{})
	from := func(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }
	for i := range maxFailures {
		if w := k.ask(0, "GET", base+"/status", "", bearer(fmt.Sprint("guess", i)), from("10.1.1.1:5")); w.Code != 401 {
			t.Fatalf("failure %d: %d", i, w.Code)
		}
	}
	w := k.ask(0, "GET", base+"/status", "", bearer("guess"), from("10.1.1.1:6"))
	if p := problemOf(t, w); p.Status != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("after %d failures: %+v, Retry-After %q", maxFailures, p, w.Header().Get("Retry-After"))
	}
	// The right token is refused too, else guessing would go on; so is the login page.
	if w := k.ask(Admin, "GET", base+"/status", "", from("10.1.1.1:7")); w.Code != http.StatusTooManyRequests {
		t.Errorf("right token from a refused address: %d", w.Code)
	}
	if w := k.ask(0, "POST", base+"/session", `{"token":"`+k.secrets[Admin]+`"}`, from("10.1.1.1:8")); w.Code != http.StatusTooManyRequests {
		t.Errorf("login from a refused address: %d", w.Code)
	}
	if w := k.ask(Admin, "GET", base+"/status", "", from("10.1.1.2:7")); w.Code != http.StatusOK {
		t.Errorf("another address: %d", w.Code)
	}
	records := dataOf[[]AuditRecord](t, k.ask(Admin, "GET", base+"/audit", ""))
	if len(records) == 0 || records[len(records)-1].Status != http.StatusTooManyRequests {
		t.Errorf("audit: %+v", records)
	}
	for secret := range map[string]bool{k.secrets[Admin]: true, "guess1": true} {
		if strings.Contains(k.logs.String(), secret) {
			t.Error("a token is in the log")
		}
	}
}

func TestAnExpiredLoginIsNoGuess(t *testing.T) {
	k := newKit(t, Parts{})
	for range 3 * maxFailures {
		k.ask(0, "GET", base+"/status", "", withHeader("Cookie", "upshift_session_8090=old"))
	}
	if w := k.ask(Viewer, "GET", base+"/status", ""); w.Code != http.StatusOK {
		t.Errorf("a dashboard with an old cookie locked its user out: %d", w.Code)
	}
}

func TestLocalDoorIsAdmin(t *testing.T) {
	k := newKit(t, Parts{})
	k.handler = k.LocalHandler()
	who := dataOf[Identity](t, k.ask(0, "GET", base+"/session", "", func(r *http.Request) { r.Host, r.RemoteAddr = "whatever", "@" }))
	if who.Role != Admin || who.Via != "local" || who.Name != "local" {
		t.Errorf("local: %+v", who)
	}
}
