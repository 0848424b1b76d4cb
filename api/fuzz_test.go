package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzCheckQuery(f *testing.F) {
	for _, s := range []string{"", "limit=1", "limit=1&limit=2", "limt=1", "%zz", "a;b", "limit=%00", "=", "&&&", "limit", "%6cimit=1", "\xff=1", "limit=\xff"} {
		f.Add(s)
	}
	known := []string{"limit", "hours"}
	f.Fuzz(func(t *testing.T, raw string) {
		p := checkQuery(raw, known)
		values, err := url.ParseQuery(raw)
		good := err == nil
		for name, v := range values {
			good = good && slices.Contains(known, name) && len(v) == 1 && strings.ToValidUTF8(v[0], "") == v[0]
		}
		if good != (p == nil) {
			t.Errorf("%q: %+v, good %v", raw, p, good)
		}
		if p != nil {
			if text, err := json.Marshal(p); err != nil || !json.Valid(text) || p.Status != 400 {
				t.Errorf("%q: %s %v", raw, text, err)
			}
		}
	})
}

func FuzzToken(f *testing.F) {
	good := newSecret()
	for _, s := range []string{"", good, good[1:], "upshift_", "upshift_" + strings.Repeat("0", 49), strings.Repeat("x", 600), "\x00", "ü"} {
		f.Add(s)
	}
	tokens, err := loadTokens(nil)
	if err != nil {
		f.Fatal(err)
	}
	_, secret, err := tokens.Create(NewToken{Name: "a", Role: Viewer})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if wellFormed(s) {
			body := s[len(tokenPrefix) : len(tokenPrefix)+secretDigits]
			if s != tokenPrefix+body+checksum(body) {
				t.Errorf("%q passes for a token", s)
			}
		}
		if _, ok := tokens.authenticate(s, time.Now()); ok != (s == secret) {
			t.Errorf("%q lets in: %v", s, ok)
		}
	})
}

func FuzzAudit(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte("{}\n"))
	f.Add([]byte("torn"))
	r := AuditRecord{Seq: 1, Phase: PhaseIntent, Actor: "a"}
	r.Hash = r.seal()
	line, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(line, '\n'))
	f.Fuzz(func(t *testing.T, log []byte) {
		n, err := VerifyAudit(bytes.NewReader(log))
		if lines := bytes.Count(log, []byte("\n")) + 1; n > lines {
			t.Errorf("%d records in %d lines, %v", n, lines, err)
		}
	})
}
