package profiler

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
)

// Bounds of what one exemplar keeps.
const (
	maxErrorBytes = 256
	maxLabels     = 8
	maxLabelBytes = 128
)

// ring keeps the newest exemplars, oldest first.
type ring struct {
	kept []Exemplar
}

func (r *ring) add(e Exemplar, limit int) {
	if over := len(r.kept) - limit + 1; over > 0 {
		n := copy(r.kept, r.kept[over:])
		clear(r.kept[n:])
		r.kept = r.kept[:n]
	}
	r.kept = append(r.kept, e)
}

func (r *ring) newestFirst() []Exemplar {
	out := make([]Exemplar, len(r.kept))
	for i, e := range r.kept {
		out[len(out)-1-i] = e
	}
	return out
}

// errorText returns the bounded text of an error. A text that panics is not worth the
// caller's life: its panic is told instead.
func errorText(err error) (text string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T (its Error method panicked)", err)
		}
	}()
	return cleanText(err.Error(), maxErrorBytes)
}

// panicText returns the bounded text of a panic's value.
func panicText(value any) string {
	if err, ok := value.(error); ok {
		return cleanText("panic: "+errorText(err), maxErrorBytes)
	}
	return cleanText(fmt.Sprintf("panic: %v", value), maxErrorBytes) // fmt contains panics of String
}

// labelsOf returns the pprof labels of ctx, at most maxLabels of them.
func labelsOf(ctx context.Context) map[string]string {
	var labels map[string]string
	pprof.ForLabels(ctx, func(key, value string) bool {
		if key == LabelKey {
			return true // the outer call's
		}
		if labels == nil {
			labels = make(map[string]string, maxLabels)
		}
		labels[cleanText(key, maxLabelBytes)] = cleanText(value, maxLabelBytes)
		return len(labels) < maxLabels
	})
	return labels
}

type traceKey struct{}

// WithTraceID returns a context whose calls keep id with their exemplars. Package users
// with a tracer of their own set it where a request comes in; [Profiler.Handler] does it
// from the W3C traceparent header.
func WithTraceID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, cleanText(id, maxLabelBytes))
}

func traceIDOf(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// parseTraceparent returns the trace id of a W3C traceparent header
// (https://www.w3.org/TR/trace-context/), or "" if it is not one.
func parseTraceparent(header string) string {
	parts := strings.Split(header, "-")
	if len(parts) < 4 || len(parts[0]) != 2 || len(parts[1]) != 32 || len(parts[2]) != 16 {
		return ""
	}
	id := parts[1]
	if strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return ""
	}
	return strings.Clone(id)
}
