package api

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

func TestSecretForm(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		s := newSecret()
		if !wellFormed(s) || seen[s] || !strings.HasPrefix(s, "upshift_") || len(s) != tokenLength {
			t.Fatalf("secret %q", s)
		}
		seen[s] = true
		broken := []byte(s)
		broken[len(s)/2]++
		if wellFormed(string(broken)) {
			t.Fatalf("checksum does not see a change of %q", s)
		}
	}
}

func TestTokensOnDisk(t *testing.T) {
	dir := t.TempDir()
	tokens, err := OpenTokens(dir)
	must(t, err)
	tok, secret, err := tokens.Create(NewToken{Name: " ci ", Role: Operator, Expires: time.Now().Add(time.Hour)})
	must(t, err)
	if tok.Name != "ci" || tok.Role != Operator || tok.ID == "" || tok.Created.IsZero() {
		t.Errorf("created %+v", tok)
	}
	if _, err := OpenTokens(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("second opening: %v, want ErrRunning", err)
	}
	must(t, tokens.Close())
	must(t, tokens.Close())

	tokens, err = OpenTokens(dir)
	must(t, err)
	if got, ok := tokens.authenticate(secret, time.Now()); !ok || got.ID != tok.ID {
		t.Errorf("after opening again: %+v %v", got, ok)
	}
	must(t, tokens.Revoke(tok.ID))
	if _, ok := tokens.authenticate(secret, time.Now()); ok {
		t.Error("a revoked token is in force")
	}
	if err := tokens.Revoke(tok.ID); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("revoking twice: %v", err)
	}
	must(t, tokens.Close())

	info, err := os.Stat(filepath.Join(dir, "state.db"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("state.db has mode %v", info.Mode())
	}
	state, err := os.ReadFile(filepath.Join(dir, "state.db"))
	must(t, err)
	if bytes.Contains(state, []byte(secret)) || bytes.Contains(state, []byte(secret[len(tokenPrefix):])) {
		t.Error("the secret is in the state file")
	}
}

func TestTokenFaults(t *testing.T) {
	t.Parallel()
	tokens, err := loadTokens(nil)
	must(t, err)
	for _, tt := range []struct {
		spec NewToken
		want error
	}{
		{NewToken{Name: "", Role: Viewer}, ErrTokenName},
		{NewToken{Name: "  ", Role: Viewer}, ErrTokenName},
		{NewToken{Name: strings.Repeat("x", 65), Role: Viewer}, ErrTokenName},
		{NewToken{Name: "a\nb", Role: Viewer}, ErrTokenName},
		{NewToken{Name: "a\xffb", Role: Viewer}, ErrTokenName},
		{NewToken{Name: "a", Role: Viewer, Expires: time.Now().Add(-time.Second)}, ErrTokenExpiry},
	} {
		if _, _, err := tokens.Create(tt.spec); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.spec, err, tt.want)
		}
	}
	for _, role := range []Role{0, Open, Admin + 1} {
		if _, _, err := tokens.Create(NewToken{Name: "a", Role: role}); err == nil {
			t.Errorf("a token of role %d was made", role)
		}
	}
	for range maxTokens {
		if _, _, err := tokens.Create(NewToken{Name: "a", Role: Viewer}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := tokens.Create(NewToken{Name: "a", Role: Viewer}); !errors.Is(err, ErrTooManyToken) {
		t.Errorf("one too many: %v", err)
	}
}

func TestTokenExpiryAndLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, err := loadTokens(nil)
		must(t, err)
		tok, secret, err := tokens.Create(NewToken{Name: "a", Role: Viewer, Expires: time.Now().Add(time.Hour)})
		must(t, err)
		time.Sleep(59 * time.Minute)
		if _, ok := tokens.authenticate(secret, time.Now()); !ok {
			t.Error("refused before its end")
		}
		if used := tokens.List()[0].LastUsed; !used.Equal(time.Now().Truncate(time.Second)) {
			t.Errorf("last used %v, want %v", used, time.Now())
		}
		time.Sleep(time.Minute)
		if _, ok := tokens.authenticate(secret, time.Now()); ok {
			t.Error("in force after its end")
		}
		if list := tokens.List(); len(list) != 1 || list[0].ID != tok.ID {
			t.Errorf("an expired token is not listed: %+v", list)
		}
	})
}

func openState(t *testing.T, dir string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, dir)
	unseen, err := New(Config{}, Parts{DataDir: dir, State: db})
	must(t, err)
	defer unseen.audit.close()
	_, lost, _ := strings.Cut(unseen.LoginURL(), "#token=")

	// Nobody was shown that link: the next start makes another.
	s, err := New(Config{Listen: "127.0.0.1:8123"}, Parts{DataDir: dir, State: db})
	must(t, err)
	defer s.audit.close()
	link := s.LoginURL()
	address, secret, ok := strings.Cut(link, "/#token=")
	if !ok || address != "http://127.0.0.1:8123" || !wellFormed(secret) {
		t.Fatalf("login link %q", link)
	}
	if tok, ok := s.tokens.authenticate(secret, time.Now()); !ok || tok.Role != Admin {
		t.Errorf("first token: %+v %v", tok, ok)
	}
	if _, ok := s.tokens.authenticate(lost, time.Now()); ok {
		t.Error("the link that nobody saw is still good")
	}
	must(t, s.Announced())
	again, err := New(Config{}, Parts{DataDir: dir, State: db})
	must(t, err)
	defer again.audit.close()
	if again.LoginURL() != "" {
		t.Error("the second start made a link")
	}
	if _, ok := again.tokens.authenticate(secret, time.Now()); !ok {
		t.Error("the first token is gone after a restart")
	}
	// Once revoked it does not come back.
	must(t, again.tokens.Revoke(again.tokens.List()[0].ID))
	third, err := New(Config{}, Parts{DataDir: dir, State: db})
	must(t, err)
	defer third.audit.close()
	if third.LoginURL() != "" || len(third.tokens.List()) != 0 {
		t.Errorf("a revoked first token came back: %q %v", third.LoginURL(), third.tokens.List())
	}
}

func TestConfiguredToken(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, dir)
	first, err := New(Config{}, Parts{DataDir: dir, State: db})
	must(t, err)
	defer first.audit.close()
	_, old, _ := strings.Cut(first.LoginURL(), "#token=")

	const secret = "a-long-enough-admin-token"
	s, err := New(Config{Token: secret}, Parts{DataDir: dir, State: db})
	must(t, err)
	defer s.audit.close()
	if tok, ok := s.tokens.authenticate(secret, time.Now()); !ok || tok.Role != Admin || tok.ID != configID {
		t.Errorf("configured token: %+v %v", tok, ok)
	}
	if _, ok := s.tokens.authenticate(old, time.Now()); ok {
		t.Error("the first start's token is in force beside api.token")
	}
	if s.LoginURL() != "" || s.cfg.Token != "" {
		t.Error("the configured token is kept or linked")
	}
	if err := s.tokens.Revoke(configID); !errors.Is(err, ErrTokenFixed) {
		t.Errorf("revoking it: %v", err)
	}
	must(t, s.tokens.flush())
	must(t, db.Sync())
	state, err := os.ReadFile(filepath.Join(dir, "state.db"))
	must(t, err)
	digest := digestOf(secret)
	if bytes.Contains(state, []byte(secret)) || bytes.Contains(state, digest) {
		t.Error("the configured token is stored")
	}
}

func TestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions(Config{}.WithDefaults())
		value, expires := s.open(Token{ID: "a"}, time.Now())
		if d := time.Until(expires); d != DefaultSessionTTL {
			t.Errorf("expires in %v", d)
		}
		for time.Now().Before(expires.Add(-time.Hour)) {
			time.Sleep(59 * time.Minute)
			if _, _, ok := s.find(value, time.Now()); !ok {
				t.Fatalf("ended %v early", time.Until(expires))
			}
		}
		time.Sleep(time.Until(expires))
		if _, _, ok := s.find(value, time.Now()); ok {
			t.Error("outlived its 12 hours")
		}
		value, _ = s.open(Token{ID: "a"}, time.Now())
		time.Sleep(time.Hour)
		if _, _, ok := s.find(value, time.Now()); ok {
			t.Error("outlived an idle hour")
		}
		_, expires = s.open(Token{ID: "a", Expires: time.Now().Add(time.Minute)}, time.Now())
		if d := time.Until(expires); d != time.Minute {
			t.Errorf("a session outlives its token by %v", d-time.Minute)
		}
		time.Sleep(2 * time.Hour)
		s.sweep(time.Now())
		if s.count() != 0 {
			t.Errorf("%d sessions left", s.count())
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSessions(Config{}.WithDefaults())
	now := time.Now()
	first, _ := s.open(Token{ID: "a"}, now)
	second, _ := s.open(Token{ID: "a"}, now.Add(time.Second))
	for i := range maxSessions - 1 {
		s.open(Token{ID: "a"}, now.Add(time.Duration(i+2)*time.Millisecond))
	}
	if s.count() != maxSessions {
		t.Errorf("%d sessions", s.count())
	}
	if _, _, ok := s.find(first, now.Add(time.Second)); ok {
		t.Error("the one unused for longest is still there")
	}
	if _, _, ok := s.find(second, now.Add(time.Second)); !ok {
		t.Error("one used lately was ended")
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	l, now := newLimiter(), time.Now()
	a, b := addressOf("10.0.0.1:1"), addressOf("10.0.0.2:1")
	for i := range maxFailures {
		if l.blocked(a, now) != 0 {
			t.Fatalf("blocked after %d", i)
		}
		if l.fail(a, now) != (i == maxFailures-1) {
			t.Errorf("failure %d", i)
		}
	}
	if d := l.blocked(a, now.Add(20*time.Second)); d != 40*time.Second {
		t.Errorf("wait %v, want 40s", d)
	}
	if l.blocked(b, now) != 0 || l.blocked(a, now.Add(time.Minute)) != 0 {
		t.Error("blocked the wrong one or for too long")
	}
	// A flood of addresses stays bounded and does not free the blocked one.
	for i := range 2 * maxAddresses {
		l.fail(addressOf("11."+string(rune('0'+i%10))+"."+itoa(i/256%256)+"."+itoa(i%256)+":1"), now)
	}
	if len(l.failures) > maxAddresses || l.blocked(a, now) == 0 {
		t.Errorf("%d addresses, blocked %v", len(l.failures), l.blocked(a, now))
	}
	l.sweep(now.Add(time.Minute))
	if len(l.failures) != 0 {
		t.Errorf("%d addresses left", len(l.failures))
	}
}

func itoa(n int) string { return statusKey(n) }

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ a, b string }{
		{"10.0.0.1:1", "10.0.0.1:2"},
		{"[::ffff:10.0.0.1]:1", "10.0.0.1:2"},
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:2"},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1"},
		{"@", ""},
	} {
		if addressOf(tt.a) != addressOf(tt.b) {
			t.Errorf("%s and %s are counted apart", tt.a, tt.b)
		}
	}
	if addressOf("[2001:db8:1:2::1]:1") == addressOf("[2001:db8:1:3::1]:1") || addressOf("10.0.0.1:1") == addressOf("10.0.0.2:1") {
		t.Error("two networks are counted as one")
	}
}

// TestLastUseIsStored holds that a stop loses nothing.
func TestLastUseIsStored(t *testing.T) {
	dir := t.TempDir()
	db := openState(t, dir)
	k := newKit(t, Parts{DataDir: dir, State: db})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	k.ask(Viewer, "GET", base+"/status", "")
	cancel()
	must(t, <-done)
	stored, err := loadTokens(db)
	must(t, err)
	for _, tok := range stored.List() {
		if (tok.ID == k.ids[Viewer]) == tok.LastUsed.IsZero() {
			t.Errorf("%s last used %v", tok.Name, tok.LastUsed)
		}
	}
}
