package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"
)

const maxSessions = 1024

// sessions are the dashboard's logins. They live in memory: a restart ends them. A
// session has no rights of its own but those its token has now.
type sessions struct {
	ttl, idle time.Duration
	mu        sync.Mutex // guards the field below
	byDigest  map[[sha256.Size]byte]*session
}

type session struct {
	tokenID       string
	created, seen time.Time
	expires       time.Time
	digest        [sha256.Size]byte
}

func newSessions(cfg Config) *sessions {
	return &sessions{ttl: cfg.SessionTTL, idle: cfg.SessionIdle, byDigest: map[[sha256.Size]byte]*session{}}
}

// open starts a session of a token and returns the cookie's value. When there are too
// many, the one unused for longest ends.
func (s *sessions) open(tok Token, now time.Time) (string, time.Time) {
	var raw [32]byte
	rand.Read(raw[:])
	value := base64.RawURLEncoding.EncodeToString(raw[:])
	expires := now.Add(s.ttl)
	if !tok.Expires.IsZero() && tok.Expires.Before(expires) {
		expires = tok.Expires
	}
	digest := sha256.Sum256([]byte(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byDigest) >= maxSessions {
		s.evict(now)
	}
	s.byDigest[digest] = &session{tokenID: tok.ID, created: now, seen: now, expires: expires, digest: digest}
	return value, expires
}

// evict removes what is over, or else the session unused for longest. The caller holds mu.
func (s *sessions) evict(now time.Time) {
	var oldest *session
	for d, e := range s.byDigest {
		if s.over(e, now) {
			delete(s.byDigest, d)
			continue
		}
		if oldest == nil || e.seen.Before(oldest.seen) {
			oldest = e
		}
	}
	if len(s.byDigest) >= maxSessions && oldest != nil {
		delete(s.byDigest, oldest.digest)
	}
}

func (s *sessions) over(e *session, now time.Time) bool {
	return !now.Before(e.expires) || now.Sub(e.seen) >= s.idle
}

// find returns the token's id and the end of the session with this cookie value.
func (s *sessions) find(value string, now time.Time) (tokenID string, expires time.Time, ok bool) {
	digest := sha256.Sum256([]byte(value))
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byDigest[digest]
	if e == nil {
		return "", time.Time{}, false
	}
	if s.over(e, now) {
		delete(s.byDigest, digest)
		return "", time.Time{}, false
	}
	e.seen = now
	return e.tokenID, e.expires, true
}

func (s *sessions) close(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byDigest, sha256.Sum256([]byte(value)))
}

// sweep forgets the sessions that are over.
func (s *sessions) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d, e := range s.byDigest {
		if s.over(e, now) {
			delete(s.byDigest, d)
		}
	}
}

func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byDigest)
}

// cookieName differs by port, because browsers share cookies between the ports of a
// host and two servers on one machine must not log each other out. Under TLS the
// __Host- prefix makes browsers refuse a cookie set by anyone else.
func cookieName(r *http.Request) string {
	name := "upshift_session"
	if r.TLS != nil {
		name = "__Host-" + name
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "_" + port
	}
	return name
}

// cookie makes the session cookie; an empty value deletes it.
func (s *sessions) cookie(r *http.Request, value string, expires time.Time) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure exactly under TLS: on loopback without it the cookie could not be set
		Name: cookieName(r), Value: value, Path: "/", HttpOnly: true,
		Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode, Expires: expires,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
