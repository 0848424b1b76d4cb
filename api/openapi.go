package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// newBinder sets huma up: JSON only, our problems, no pages of its own.
func newBinder(version string, guard func(*Route, http.HandlerFunc) http.HandlerFunc) *binder {
	b := &binder{mux: http.NewServeMux(), guard: guard}
	format := huma.Format{Marshal: writeJSON, Unmarshal: unmarshalStrict}
	b.api = humago.New(b, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Upshift", Version: version,
				Description: "The performance layer for multi-agent RAG systems. Roles: viewer < operator < admin.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", Description: "A token made by `upshift token create`."},
					"session": {Type: "apiKey", In: "cookie", Name: "upshift_session", Description: "The dashboard's login."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{problems},
	})
	b.api.UseMiddleware(b.strictQuery, badRequest)
	return b
}

// schemaName tells types of equal name in different packages apart.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	path := t.PkgPath()
	pkg := path[strings.LastIndexByte(path, '/')+1:]
	if pkg == "" || pkg == "api" {
		return name
	}
	return strings.ToUpper(pkg[:1]) + pkg[1:] + name
}

// schemaOf is the schema of a type, by reference.
func schemaOf[T any](api huma.API) *huma.Schema {
	return api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// strictQuery refuses what [checkQuery] does not like.
func (b *binder) strictQuery(ctx huma.Context, next func(huma.Context)) {
	u := ctx.URL()
	if p := checkQuery(u.RawQuery, queryNames(ctx.Operation())); p != nil {
		_, w := humago.Unwrap(ctx)
		p.write(w)
		return
	}
	next(ctx)
}

// badRequest turns huma's 422 into the 400 of our contract.
func badRequest(ctx huma.Context, next func(huma.Context)) { next(contractStatus{ctx}) }

// wrapped has another name than its method Context, so that it can be embedded.
type wrapped huma.Context

type contractStatus struct{ wrapped }

// Unwrap lets humago reach the request.
func (c contractStatus) Unwrap() huma.Context { return c.wrapped }

func (c contractStatus) SetStatus(code int) {
	if code == http.StatusUnprocessableEntity {
		code = http.StatusBadRequest
	}
	c.wrapped.SetStatus(code)
}

// problems turns huma's own errors into ours.
func problems(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	status := m.Status
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	if status >= http.StatusInternalServerError {
		return problem(status, "internal fault", "see the log of the server"), nil
	}
	p := problem(status, m.Detail, "")
	for _, e := range m.Errors[:min(len(m.Errors), maxFaults)] {
		p.Faults = append(p.Faults, faultOf(ctx, e))
	}
	if with := p.withFaults(); with != nil {
		p = with
	}
	return p, nil
}

// faultOf keeps place and message of a fault, not the value: it may be a secret.
func faultOf(ctx huma.Context, e *huma.ErrorDetail) Fault {
	f := Fault{Location: clip(e.Location, 128), Message: clip(e.Message, 200)}
	if f.Location == "" {
		f.Location = "body"
	}
	if e.Message == "unexpected property" {
		f.Message = "unknown field"
		name := e.Location[strings.LastIndexByte(e.Location, '.')+1:]
		f.Hint = didYouMean(name, bodyNames(ctx.Operation()))
	}
	return f
}

// bodyNames are the fields of a route's body.
func bodyNames(op *huma.Operation) []string {
	if names, ok := op.Metadata["fields"].([]string); ok {
		return names
	}
	return nil
}

// finish completes the documentation once every route is registered, and renders it.
func (b *binder) finish() ([]byte, error) {
	registry := b.api.OpenAPI().Components.Schemas
	for _, s := range registry.Map() {
		neverNull(s)
	}
	for _, item := range b.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			noteFields(op, registry)
		}
	}
	doc, err := json.Marshal(b.api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("render openapi.json: %w", err)
	}
	return append(doc, '\n'), nil
}

// noteFields keeps the names of an operation's body fields for hints.
func noteFields(op *huma.Operation, registry huma.Registry) {
	media := op.RequestBody.Content["application/json"]
	if media == nil || media.Schema == nil {
		return
	}
	schema := media.Schema
	if schema.Ref != "" {
		schema = registry.SchemaFromRef(schema.Ref)
	}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata["fields"] = names
}

// neverNull says of every array that it is never null, which the contract test holds us to.
func neverNull(s *huma.Schema) {
	if s == nil {
		return
	}
	if s.Type == huma.TypeArray {
		s.Nullable = false
	}
	neverNull(s.Items)
	if extra, ok := s.AdditionalProperties.(*huma.Schema); ok {
		neverNull(extra)
	}
	for _, p := range s.Properties {
		neverNull(p)
	}
}
