package api

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Identity is who makes a call.
type Identity struct {
	// TokenID and Name are those of the token.
	TokenID string `json:"token_id"`
	Name    string `json:"name"`
	Role    Role   `json:"role" enum:"viewer,operator,admin"`
	// Via is token, session or local.
	Via string `json:"via" enum:"token,session,local"`
	// Expires is when the login or token ends, if it does.
	Expires time.Time `json:"expires,omitzero"`

	session string // cookie value
}

type contextKey int

const (
	keyCall contextKey = iota
	keyLocal
)

// callOf returns the call that a handler of the table serves.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(keyCall).(*call)
	return c
}

func isLocal(r *http.Request) bool { return r.Context().Value(keyLocal) != nil }

// identify finds out who makes the call. A token in the header wins over a cookie.
func (s *Server) identify(r *http.Request, now time.Time) (Identity, *Problem) {
	if isLocal(r) {
		return Identity{Name: "local", Role: Admin, Via: "local"}, nil
	}
	if header := r.Header.Values("Authorization"); len(header) > 0 {
		scheme, secret, _ := strings.Cut(header[0], " ")
		if len(header) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return Identity{}, unauthorized("the Authorization header must be one Bearer token")
		}
		tok, p := s.login(r, strings.TrimSpace(secret), now)
		if p != nil {
			return Identity{}, p
		}
		return Identity{TokenID: tok.ID, Name: tok.Name, Role: tok.Role, Via: "token", Expires: tok.Expires}, nil
	}
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return Identity{}, unauthorized("this needs a token or a login")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return Identity{}, problem(http.StatusForbidden, "another site may not use this login", "open the dashboard itself")
	}
	id, ok := s.bySession(cookie.Value, now)
	if !ok {
		return Identity{}, unauthorized("the login is over")
	}
	return id, nil
}

func (s *Server) bySession(value string, now time.Time) (Identity, bool) {
	tokenID, expires, ok := s.sessions.find(value, now)
	if !ok {
		return Identity{}, false
	}
	tok, ok := s.tokens.lookup(tokenID, now)
	if !ok { // revoked or expired: the login ends with it
		s.sessions.close(value)
		return Identity{}, false
	}
	return Identity{
		TokenID: tok.ID, Name: tok.Name, Role: tok.Role, Via: "session", Expires: expires, session: value,
	}, true
}

// login checks a token, and counts a wrong one against the address it came from.
func (s *Server) login(r *http.Request, secret string, now time.Time) (Token, *Problem) {
	addr := addressOf(r.RemoteAddr)
	if wait := s.limiter.blocked(addr, now); wait > 0 {
		return Token{}, problem(http.StatusTooManyRequests, "too many wrong tokens from this address",
			"wait, then use a token that `upshift token list` shows").after(wait)
	}
	tok, ok := s.tokens.authenticate(secret, now)
	if ok {
		return tok, nil
	}
	s.stats.authFailures.Add(1)
	if s.limiter.fail(addr, now) {
		s.logger.Warn("too many wrong tokens, address refused for a minute", "ip", ipOf(r.RemoteAddr))
		s.deny(r, &Route{Method: r.Method, Path: clip(r.URL.Path, 128)}, Identity{}, http.StatusTooManyRequests)
	}
	return Token{}, unauthorized("this token is not in force")
}

func unauthorized(detail string) *Problem {
	p := problem(http.StatusUnauthorized, detail, "make a token with: upshift token create --role viewer")
	p.header = http.Header{"Www-Authenticate": {`Bearer realm="upshift"`}}
	return p
}

// stillAllowed reports whether the caller of a stream could still open it.
func (s *Server) stillAllowed(r *http.Request, role Role) bool {
	id, now := callOf(r.Context()).id, time.Now()
	switch id.Via {
	case "local":
		return true
	case "session":
		id, ok := s.bySession(id.session, now)
		return ok && id.Role >= role
	}
	tok, ok := s.tokens.lookup(id.TokenID, now)
	return ok && tok.Role >= role
}
