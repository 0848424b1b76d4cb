package metrics

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// Result is the value of a query. It marshals to Prometheus'
// {"resultType": …, "result": …}. The zero value is an empty vector.
type Result struct {
	// Warnings and Infos are remarks of the engine on the expression.
	Warnings []string
	Infos    []string

	value parser.Value
}

// Sample is one value of one series.
type Sample struct {
	Labels map[string]string
	At     time.Time
	Value  float64
}

// Series is the values of one series, in order of time.
type Series struct {
	Labels map[string]string
	Values []Value
}

// Value is one value of a series.
type Value struct {
	At    time.Time
	Value float64
}

func newResult(v parser.Value, warnings, infos []string) Result {
	return Result{Warnings: warnings, Infos: infos, value: own(v)}
}

// own copies a value: the query's memory is used again after it is closed.
func own(v parser.Value) parser.Value {
	switch v := v.(type) {
	case promql.Vector:
		return append(promql.Vector{}, v...)
	case promql.Matrix:
		m := make(promql.Matrix, len(v))
		for i, s := range v {
			m[i] = promql.Series{Metric: s.Metric, Floats: append([]promql.FPoint{}, s.Floats...)}
		}
		return m
	}
	return v
}

// Samples returns the samples of a vector, or the one of a scalar; none for other types.
func (r Result) Samples() []Sample {
	switch v := r.value.(type) {
	case promql.Vector:
		out := make([]Sample, len(v))
		for i, s := range v {
			out[i] = Sample{Labels: cloneLabels(s.Metric), At: time.UnixMilli(s.T).UTC(), Value: s.F}
		}
		return out
	case promql.Scalar:
		return []Sample{{Labels: map[string]string{}, At: time.UnixMilli(v.T).UTC(), Value: v.V}}
	}
	return nil
}

// Series returns the series of a matrix; none for other types.
func (r Result) Series() []Series {
	matrix, _ := r.value.(promql.Matrix)
	out := make([]Series, len(matrix))
	for i, s := range matrix {
		out[i] = Series{Labels: cloneLabels(s.Metric), Values: make([]Value, len(s.Floats))}
		for j, p := range s.Floats {
			out[i].Values[j] = Value{At: time.UnixMilli(p.T).UTC(), Value: p.F}
		}
	}
	return out
}

// truncate keeps the first series, if limit is not zero.
func (r *Result) truncate(limit int) {
	if limit == 0 {
		return
	}
	const warning = "results truncated due to limit"
	switch v := r.value.(type) {
	case promql.Vector:
		if len(v) > limit {
			r.value, r.Warnings = v[:limit], append(r.Warnings, warning)
		}
	case promql.Matrix:
		if len(v) > limit {
			r.value, r.Warnings = v[:limit], append(r.Warnings, warning)
		}
	}
}

// points returns the values of the first series of a matrix.
func (r Result) points() []promql.FPoint {
	if matrix, ok := r.value.(promql.Matrix); ok && len(matrix) > 0 {
		return matrix[0].Floats
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (r Result) MarshalJSON() ([]byte, error) {
	kind := parser.ValueTypeVector
	if r.value != nil {
		kind = r.value.Type()
	}
	b := append([]byte(`{"resultType":"`), kind...)
	b = append(b, `","result":`...)
	b, err := appendValue(b, r.value)
	return append(b, '}'), err
}

func appendValue(b []byte, v parser.Value) ([]byte, error) {
	switch v := v.(type) {
	case promql.Scalar:
		return appendPoint(b, v.T, v.V), nil
	case promql.String:
		text, err := json.Marshal(v.V)
		b = append(appendTime(append(b, '['), v.T), ',')
		return append(append(b, text...), ']'), err
	case promql.Vector:
		b = append(b, '[')
		for i, s := range v {
			b = appendMetric(b, i, s.Metric, `,"value":`)
			b = append(appendPoint(b, s.T, s.F), '}')
		}
	case promql.Matrix:
		b = append(b, '[')
		for i, s := range v {
			b = append(appendMetric(b, i, s.Metric, `,"values":`), '[')
			for j, p := range s.Floats {
				if j > 0 {
					b = append(b, ',')
				}
				b = appendPoint(b, p.T, p.F)
			}
			b = append(b, ']', '}')
		}
	default:
		b = append(b, '[')
	}
	return append(b, ']'), nil
}

// appendMetric begins one element of a list with its labels.
func appendMetric(b []byte, i int, l labels.Labels, then string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(b, `{"metric":{`...)
	first := true
	l.Range(func(one labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendText(b, one.Name), ':')
		b = appendText(b, one.Value)
	})
	return append(append(b, '}'), then...)
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a string cannot fail
	}
	return append(b, text...)
}

func appendPoint(b []byte, ms int64, v float64) []byte {
	b = append(appendTime(append(b, '['), ms), ',', '"')
	return append(appendNumber(b, v), '"', ']')
}

// appendTime writes milliseconds as seconds, with a fraction only where there is one.
func appendTime(b []byte, ms int64) []byte {
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return b
}

func appendNumber(b []byte, v float64) []byte {
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}
