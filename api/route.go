package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// base is where the REST API lives.
const base = "/api/performance"

// Route is one line of the table that registers the routes, guards them and documents
// them.
type Route struct {
	// Method and Path are as in [http.ServeMux].
	Method, Path string
	// Role is the least that a caller needs. The zero value is refused by [New].
	Role Role
	// Summary is one line for the documentation.
	Summary string

	effect  effect
	status  int // of a success; 0 is 200
	hasBody bool
	raw     bool // not by huma: another protocol's shapes
	bind    func(b *binder, rt *Route)
}

// effect says how a call is audited.
type effect uint8

const (
	// reads is not audited.
	reads effect = iota
	// notes is written down afterwards; a log that cannot be written does not stop it.
	notes
	// changes is written down before it starts, and does not start otherwise.
	changes
)

// endpoint is a method and a path.
type endpoint struct{ method, path string }

func get(path string) endpoint    { return endpoint{http.MethodGet, path} }
func post(path string) endpoint   { return endpoint{http.MethodPost, path} }
func put(path string) endpoint    { return endpoint{http.MethodPut, path} }
func patch(path string) endpoint  { return endpoint{http.MethodPatch, path} }
func remove(path string) endpoint { return endpoint{http.MethodDelete, path} }

// on makes a route of the REST API from a typed handler.
func on[I, O any](e endpoint, role Role, summary string, h func(context.Context, *I) (*O, error)) Route {
	_, hasBody := reflect.TypeFor[I]().FieldByName("Body")
	return Route{
		Method: e.method, Path: base + e.path, Role: role, Summary: summary, effect: effectOf(e.method), hasBody: hasBody,
		bind: func(b *binder, rt *Route) { huma.Register(b.api, b.operation(rt), h) },
	}
}

// serve makes a route outside the REST base, or one whose answer is no JSON document.
func serve(e endpoint, role Role, summary string, h http.HandlerFunc) Route {
	return Route{
		Method: e.method, Path: e.path, Role: role, Summary: summary, effect: effectOf(e.method), raw: true,
		bind: func(b *binder, rt *Route) { b.serve(rt, h) },
	}
}

func effectOf(method string) effect {
	if method == http.MethodGet {
		return reads
	}
	return changes
}

// with sets the effect where the method does not tell it.
func (rt Route) with(e effect) Route {
	rt.effect = e
	return rt
}

// creating answers 201 on success.
func (rt Route) creating() Route {
	rt.status = http.StatusCreated
	return rt
}

// accepting answers 202 on success: the work goes on.
func (rt Route) accepting() Route {
	rt.status = http.StatusAccepted
	return rt
}

func (rt Route) check() error {
	switch {
	case rt.Role < Open || rt.Role > Admin:
		return fmt.Errorf("api: route %s %s has no role", rt.Method, rt.Path)
	case rt.Role == Open && rt.effect == changes:
		return fmt.Errorf("api: route %s %s changes something and is open", rt.Method, rt.Path)
	case rt.Summary == "" || rt.bind == nil || !strings.HasPrefix(rt.Path, "/"):
		return fmt.Errorf("api: route %s %s is incomplete", rt.Method, rt.Path)
	}
	return nil
}

// binder registers routes. It is the only way for a handler to reach the mux, and it
// puts the guard of the route before it.
type binder struct {
	api     huma.API
	mux     *http.ServeMux
	guard   func(rt *Route, next http.HandlerFunc) http.HandlerFunc
	current *Route
}

// bindAll registers the table.
func (b *binder) bindAll(table []Route) error {
	seen := map[string]bool{}
	var errs []error
	for i := range table {
		rt := &table[i]
		key := rt.Method + " " + rt.Path
		if seen[key] {
			errs = append(errs, fmt.Errorf("api: route %s is there twice", key))
			continue
		}
		seen[key] = true
		if err := rt.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		b.current = rt
		rt.bind(b, rt)
		b.current = nil
	}
	return errors.Join(errs...)
}

// HandleFunc is what huma calls. What is in no table gets no handler.
func (b *binder) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	rt := b.current
	if rt == nil || pattern != rt.Method+" "+rt.Path {
		return
	}
	b.mux.HandleFunc(pattern, b.guard(rt, h))
}

// ServeHTTP completes what huma asks of a mux.
func (b *binder) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// serve registers and documents a handler that is not huma's.
func (b *binder) serve(rt *Route, h http.HandlerFunc) {
	op := b.operation(rt)
	op.Responses["200"] = &huma.Response{Description: "OK"}
	for _, name := range pathNames(rt.Path) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	b.api.OpenAPI().AddOperation(&op)
	b.HandleFunc(rt.Method+" "+rt.Path, h)
}

// operation is the documentation of a route.
func (b *binder) operation(rt *Route) huma.Operation {
	op := huma.Operation{
		OperationID: operationID(rt), Method: rt.Method, Path: rt.Path, Summary: rt.Summary,
		Tags:          []string{tagOf(rt.Path)},
		DefaultStatus: rt.status,
		MaxBodyBytes:  -1, BodyReadTimeout: -1, // the guard has read and bounded the body
		Responses:  map[string]*huma.Response{"default": b.problemResponse()},
		Extensions: map[string]any{"x-role": rt.Role.String()},
	}
	if rt.Role != Open {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	}
	return op
}

func (b *binder) problemResponse() *huma.Response {
	return &huma.Response{
		Description: "Refused or failed",
		Content:     map[string]*huma.MediaType{problemType: {Schema: schemaOf[Problem](b.api)}},
	}
}

var pathName = regexp.MustCompile(`\{(\w+)`)

func pathNames(path string) []string {
	var names []string
	for _, m := range pathName.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	return names
}

func operationID(rt *Route) string {
	rest, inBase := strings.CutPrefix(rt.Path, base)
	words := []string{rt.Method}
	if !inBase {
		words = append(words, "root") // /metrics and the base's own /metrics are two
	}
	words = append(words, strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("/{}._-", r) })...)
	return strings.ToLower(strings.Join(words, "-"))
}

// tagOf groups the routes in the documentation by their first word.
func tagOf(path string) string {
	rest, inBase := strings.CutPrefix(path, base+"/")
	if !inBase {
		return "outside"
	}
	word, _, _ := strings.Cut(rest, "/")
	return word
}

// allowed names the methods that the mux knows for the path of r.
func allowed(mux *http.ServeMux, r *http.Request) []string {
	var methods []string
	for _, m := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	} {
		probe := *r
		probe.Method = m
		if _, pattern := mux.Handler(&probe); pattern != "" {
			methods = append(methods, m)
		}
	}
	return methods
}

func statusKey(status int) string { return strconv.Itoa(status) }
