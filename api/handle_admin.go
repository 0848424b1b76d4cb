package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

func (s *Server) settings(context.Context, *none) (*answer[[]Setting], error) {
	return ok(append([]Setting{}, s.parts.Settings()...))
}

// Reloaded says that the configuration was read again.
type Reloaded struct {
	Settings int `json:"settings"`
}

func (s *Server) reload(ctx context.Context, _ *none) (*answer[Reloaded], error) {
	if s.parts.Reload == nil {
		return nil, problem(http.StatusConflict, "there is no configuration to read again", "start with a file or the environment")
	}
	if err := s.parts.Reload(ctx); err != nil {
		return nil, problem(http.StatusBadRequest, shorten(err.Error(), 2000),
			"nothing was changed; check the configuration with: upshift config check")
	}
	return said(Reloaded{len(s.parts.Settings())}, "configuration reloaded")
}

type loginInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"512"`
	}
}

type cookied struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Envelope[Identity]
}

// logIn exchanges a token for a session cookie.
func (s *Server) logIn(ctx context.Context, in *loginInput) (*cookied, error) {
	c, now := callOf(ctx), time.Now()
	tok, p := s.login(c.r, in.Body.Token, now)
	if p != nil {
		return nil, p
	}
	value, expires := s.sessions.open(tok, now)
	c.id = Identity{TokenID: tok.ID, Name: tok.Name, Role: tok.Role, Via: "session", Expires: expires.UTC()}
	return &cookied{
		SetCookie: *s.sessions.cookie(c.r, value, expires),
		Body:      Envelope[Identity]{Success: true, Data: c.id, Message: "logged in"},
	}, nil
}

// LoggedOut confirms a logout.
type LoggedOut struct {
	LoggedOut bool `json:"logged_out"`
}

type uncookied struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Envelope[LoggedOut]
}

// logOut ends the session of the cookie, if there is one.
func (s *Server) logOut(ctx context.Context, _ *none) (*uncookied, error) {
	c := callOf(ctx)
	if cookie, err := c.r.Cookie(cookieName(c.r)); err == nil {
		if id, found := s.bySession(cookie.Value, time.Now()); found {
			c.id = id // for the audit log
		}
		s.sessions.close(cookie.Value)
	}
	return &uncookied{
		SetCookie: *s.sessions.cookie(c.r, "", time.Time{}),
		Body:      Envelope[LoggedOut]{Success: true, Data: LoggedOut{true}},
	}, nil
}

func (s *Server) whoAmI(ctx context.Context, _ *none) (*answer[Identity], error) {
	return ok(callOf(ctx).id)
}

func (s *Server) tokenList(context.Context, *none) (*answer[[]Token], error) {
	return ok(s.tokens.List())
}

type tokenInput struct {
	Body struct {
		Name    string    `json:"name" minLength:"1" maxLength:"64"`
		Role    string    `json:"role" enum:"viewer,operator,admin"`
		Expires time.Time `json:"expires,omitzero" doc:"RFC 3339; never when left out."`
	}
}

// CreatedToken is a new token with its secret, which is shown this once.
type CreatedToken struct {
	Token
	Secret string `json:"secret"`
}

func (s *Server) tokenCreate(_ context.Context, in *tokenInput) (*created[CreatedToken], error) {
	role, err := ParseRole(in.Body.Role)
	if err != nil {
		return nil, fault(http.StatusBadRequest, err, "")
	}
	tok, secret, err := s.tokens.Create(NewToken{Name: in.Body.Name, Role: role, Expires: in.Body.Expires})
	switch {
	case errors.Is(err, ErrTooManyToken):
		return nil, fault(http.StatusConflict, err, "DELETE "+base+"/tokens/{id}")
	case errors.Is(err, ErrTokenName), errors.Is(err, ErrTokenExpiry):
		return nil, fault(http.StatusBadRequest, err, "")
	case err != nil:
		return nil, s.internal("store the token", err)
	}
	return &created[CreatedToken]{
		Location: base + "/tokens/" + tok.ID,
		Body: Envelope[CreatedToken]{
			Success: true, Data: CreatedToken{tok, secret}, Message: "keep the secret now: it is not shown again",
		},
	}, nil
}

type tokenIDInput struct {
	ID string `path:"id" maxLength:"32"`
}

func (s *Server) tokenRevoke(_ context.Context, in *tokenIDInput) (*answer[[]Token], error) {
	err := s.tokens.Revoke(in.ID)
	switch {
	case errors.Is(err, ErrUnknownToken):
		return nil, problem(http.StatusNotFound, fmt.Sprintf("there is no token %q", clip(in.ID, 32)), "see "+base+"/tokens")
	case errors.Is(err, ErrTokenFixed):
		return nil, fault(http.StatusConflict, err, "")
	case err != nil:
		return nil, s.internal("revoke the token", err)
	}
	return said(s.tokens.List(), "token "+in.ID+" revoked")
}

func (s *Server) auditRecent(_ context.Context, in *listInput) (*answer[[]AuditRecord], error) {
	records, err := s.audit.recent(in.Limit)
	if err != nil {
		return nil, s.internal("read the audit log", err)
	}
	return ok(records)
}
