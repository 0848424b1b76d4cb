package metrics

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// served is a store with a few series and its handler.
func served(tb testing.TB) (*Store, http.Handler) {
	tb.Helper()
	s := openStore(tb, tb.TempDir(), Config{CollectionInterval: 10 * time.Second})
	for i := range 7 {
		at := origin().Add(time.Duration(i) * 10 * time.Second)
		appendAll(tb, s, at, 3, counter("jobs_total", float64(i), "queue", "a"), gauge("depth", float64(i)/4, "queue", "a"),
			gauge("depth2", -1, "queue", "b\"\\\n"))
	}
	return s, s.Handler()
}

func get(tb testing.TB, h http.Handler, path string) (int, string) {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w.Code, w.Body.String()
}

const originSeconds = "1772366400"

func TestHandlerShapes(t *testing.T) {
	t.Parallel()
	_, h := served(t)
	const (
		at    = "&time=1772366460"
		span  = "&start=" + originSeconds + "&end=1772366460"
		depth = `{"__name__":"depth","queue":"a"}`
	)
	for _, tt := range []struct {
		path string
		code int
		want string
	}{
		{"query?query=depth" + at, 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":` + depth + `,"value":[1772366460,"1.5"]}]}}`},
		{"query?query=depth&time=2026-03-01T12:01:00.250Z", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":` + depth + `,"value":[1772366460.250,"1.5"]}]}}`},
		{"query?query=nobody" + at, 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`},
		{"query?query=1/0" + at, 200, `{"status":"success","data":{"resultType":"scalar","result":[1772366460,"+Inf"]}}`},
		{"query?query=%22a%5C%22b%22" + at, 200, `{"status":"success","data":{"resultType":"string","result":[1772366460,"a\"b"]}}`},
		{"query?query=depth2" + at, 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"depth2","queue":"b\"\\\n"},"value":[1772366460,"-1"]}]}}`},
		{"query?query=depth[20s]" + at, 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":` + depth + `,"values":[[1772366450,"1.25"],[1772366460,"1.5"]]}]}}`},
		{"query?query={queue=~%22.%2B%22}&limit=1" + at, 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"jobs_total","queue":"a"},"value":[1772366460,"6"]}]},"warnings":["results truncated due to limit"]}`},
		{"query?query=rate(depth[30s])" + at, 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"queue":"a"},"value":[1772366460,"0.025"]}]},"infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"depth\" (1:6)"]}`},
		{"query_range?query=depth&step=30" + span, 200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":` + depth + `,"values":[[1772366400,"0"],[1772366430,"0.75"],[1772366460,"1.5"]]}]}}`},
		{"query_range?query=nobody&step=30s" + span, 200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`},
		{"labels", 200, `{"status":"success","data":["__name__","queue"]}`},
		{"labels?match[]=nobody", 200, `{"status":"success","data":[]}`},
		{"label/queue/values", 200, `{"status":"success","data":["a","b\"\\\n"]}`},
		{"label/__name__/values?limit=1", 200, `{"status":"success","data":["depth"],"warnings":["results truncated due to limit"]}`},
		{"label/nobody/values", 200, `{"status":"success","data":[]}`},
		{"series?match[]=depth", 200, `{"status":"success","data":[` + depth + `]}`},
		{"series?match[]=depth&end=100", 200, `{"status":"success","data":[]}`},
		{"metadata?metric=depth", 200, `{"status":"success","data":{"depth":[{"type":"gauge","help":"Help of depth","unit":""}]}}`},
		{"metadata?metric=nobody", 200, `{"status":"success","data":{}}`},
		{"format_query?query=sum(depth)by(queue)", 200, `{"status":"success","data":"sum by (queue) (depth)"}`},
		{"query_exemplars?query=depth", 200, `{"status":"success","data":[]}`},
		{"rules", 200, `{"status":"success","data":{"groups":[]}}`},
		{"alerts", 200, `{"status":"success","data":{"alerts":[]}}`},

		{"query", 400, `{"status":"error","errorType":"bad_data","error":"unknown position: parse error: no expression found in input"}`},
		{"query?query=sum(", 400, `{"status":"error","errorType":"bad_data","error":"1:5: parse error: unclosed left parenthesis"}`},
		{"query?query=depth&time=noon", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": cannot parse \"noon\" to a valid timestamp"}`},
		{"query?query=depth&time=1e400", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": cannot parse \"1e400\" to a valid timestamp"}`},
		{"query?query=depth&limit=-1", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"limit\": limit must be a non-negative number"}`},
		{"query?query=depth&timeout=x", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"timeout\": cannot parse \"x\" to a valid duration"}`},
		{"query?query=depth&timeout=0.000000001", 503, `{"status":"error","errorType":"timeout"`},
		{"query?query=depth*on(queue){__name__=~%22depth|jobs_total%22}" + at, 422, `{"status":"error","errorType":"execution"`},
		{"query_range?query=depth&end=2&step=1", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"start\": cannot parse \"\" to a valid timestamp"}`},
		{"query_range?query=depth&start=2&step=1", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": cannot parse \"\" to a valid timestamp"}`},
		{"query_range?query=depth" + span, 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": cannot parse \"\" to a valid duration"}`},
		{"query_range?query=depth&step=0" + span, 400, `{"status":"error","errorType":"bad_data","error":"zero or negative query resolution step widths are not accepted. Try a positive integer"}`},
		{"query_range?query=depth&step=1&start=9&end=8", 400, `{"status":"error","errorType":"bad_data","error":"end timestamp must not be before start time"}`},
		{"query_range?query=depth&step=1&start=0&end=11000", 400, `{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11000 points per timeseries. Try decreasing the query resolution (?step=XX)"}`},
		{"series", 400, `{"status":"error","errorType":"bad_data","error":"no match[] parameter provided"}`},
		{"series?match[]={", 400, `{"status":"error","errorType":"bad_data","error":"1:2: parse error: unexpected end of input inside braces"}`},
		{"labels?start=9&end=8", 400, `{"status":"error","errorType":"bad_data","error":"end timestamp must not be before start time"}`},
		{"format_query?query=(", 400, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:2: parse error: unclosed left parenthesis"}`},
		{"query?query=%", 400, `{"status":"error","errorType":"bad_data","error":"error parsing form values: invalid URL escape \"%\""}`},
		{"nobody", 404, `{"status":"error","errorType":"not_found","error":"no such endpoint or method"}`},
	} {
		code, body := get(t, h, "/api/v1/"+tt.path)
		if code != tt.code || body != tt.want && (tt.want[len(tt.want)-1] == '}' || !strings.HasPrefix(body, tt.want)) {
			t.Errorf("GET %s: %d %s\nwant %d %s", tt.path, code, body, tt.code, tt.want)
		}
	}
}

func TestHandlerTakesForms(t *testing.T) {
	t.Parallel()
	_, h := served(t)
	post := func(path, form string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/api/v1/"+path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	form := url.Values{"query": {"sum(depth)"}, "time": {"1772366460"}}.Encode()
	if code, body := post("query", form); code != 200 || !strings.Contains(body, `[1772366460,"1.5"]`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := post("series", "match[]=depth&match[]=jobs_total"); code != 200 || strings.Count(body, "__name__") != 2 {
		t.Errorf("%d %s", code, body)
	}
	if code, body := post("query", "query="+strings.Repeat("a", maxQueryBytes+1)); code != 400 || !strings.Contains(body, "longer than") {
		t.Errorf("a long expression: %d %.200s", code, body)
	}
	if code, body := post("query", "query="+strings.Repeat("a", maxFormBytes)); code != 400 || !strings.Contains(body, "request body too large") {
		t.Errorf("a long form: %d %.200s", code, body)
	}
	if code, _ := post("label/queue/values", ""); code != 404 {
		t.Errorf("POST of a route with GET alone: %d", code)
	}
}

func TestHandlerBuildInfo(t *testing.T) {
	t.Parallel()
	_, h := served(t)
	_, body := get(t, h, "/api/v1/status/buildinfo")
	var a struct {
		Status string
		Data   map[string]string
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.Status != "success" || a.Data["version"] != apiVersion ||
		!strings.HasPrefix(a.Data["goVersion"], "go") {
		t.Errorf("%v %s", err, body)
	}
}

func TestHandlerAfterClose(t *testing.T) {
	t.Parallel()
	s, h := served(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	code, body := get(t, h, "/api/v1/query?query=depth")
	if code != 503 || body != `{"status":"error","errorType":"unavailable","error":"metrics: store is closed"}` {
		t.Errorf("%d %s", code, body)
	}
}

func TestHandlerCompresses(t *testing.T) {
	t.Parallel()
	_, h := served(t)
	path := "/api/v1/query_range?query=depth&step=1s&start=" + originSeconds + "&end=1772366460"
	_, plain := get(t, h, path)
	for accept, want := range map[string]bool{
		"gzip": true, "deflate, GZIP;q=0.5": true, "br, gzip; q=1": true,
		"": false, "gzip;q=0": false, "gzip; q=0.0": false, "identity": false, "xgzip": false,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		r.Header.Set("Accept-Encoding", accept)
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("Accept-Encoding %q: compressed %v, want %v", accept, got, want)
			continue
		}
		body := io.Reader(w.Body)
		if want {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		text, err := io.ReadAll(body)
		if err != nil || string(text) != plain {
			t.Errorf("Accept-Encoding %q: %v %.100s", accept, err, text)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" || w.Header().Get("Content-Type") != "application/json" ||
			w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", w.Header())
		}
	}
}

// Statuses of faults are Prometheus' own.
func TestFailStatuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err    error
		status int
		kind   string
	}{
		{badData("x"), 400, "bad_data"},
		{queryError(promql.ErrQueryTimeout("x")), 503, "timeout"},
		{queryError(promql.ErrQueryCanceled("x")), 499, "canceled"},
		{queryError(promql.ErrStorage{Err: errors.New("x")}), 500, "internal"},
		{queryError(promql.ErrTooManySamples("x")), 422, "execution"},
		{errors.New("x"), 500, "internal"},
	} {
		w := httptest.NewRecorder()
		fail(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), fmt.Errorf("wrapped: %w", tt.err))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), `"errorType":"`+tt.kind+`"`) {
			t.Errorf("%v: %d %s, want %d %s", tt.err, w.Code, w.Body, tt.status, tt.kind)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 1.5: "1.5", -2: "-2", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-7: "1e-07", 0.000001: "0.000001",
		math.Inf(1): "+Inf", math.Inf(-1): "-Inf", math.MaxFloat64: "1.7976931348623157e+308",
	} {
		if got := string(appendNumber(nil, v)); got != want {
			t.Errorf("appendNumber(%v) = %s, want %s", v, got, want)
		}
	}
	if got := string(appendNumber(nil, math.NaN())); got != "NaN" {
		t.Errorf("NaN: %s", got)
	}
	for ms, want := range map[int64]string{0: "0", 1: "0.001", 1234: "1.234", 5000: "5", -1: "-0.001", -1500: "-1.500", 10: "0.010"} {
		if got := string(appendTime(nil, ms)); got != want {
			t.Errorf("appendTime(%d) = %s, want %s", ms, got, want)
		}
	}
}

func TestZeroResult(t *testing.T) {
	t.Parallel()
	body, err := json.Marshal(Result{})
	if err != nil || string(body) != `{"resultType":"vector","result":[]}` {
		t.Errorf("%s %v", body, err)
	}
	if r := newResult(parser.Value(promql.Matrix{}), nil, nil); r.points() != nil || len(r.Series()) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1772366400": "2026-03-01T12:00:00Z", "1772366400.1234": "2026-03-01T12:00:00.123Z", "-1.5": "1969-12-31T23:59:58.5Z",
		"2026-03-01T12:00:00+02:00": "2026-03-01T10:00:00Z", "253402300799": "9999-12-31T23:59:59Z",
		"253402300800": "", "NaN": "", "Inf": "", "": "", "2026-03-01": "", "now": "",
	} {
		got := ""
		if at, err := parseTime(text); err == nil {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("parseTime(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]time.Duration{
		"15": 15 * time.Second, "0.5": 500 * time.Millisecond, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour,
		"-3": -3 * time.Second, "1e300": -1, "NaN": -1, "x": -1, "": -1,
	} {
		got, err := parseDuration(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseDuration(%q) = %v, want %v", text, got, want)
		}
	}
}

// Whatever the parameters, the answer is Prometheus' envelope, and soon.
func FuzzHandler(f *testing.F) {
	for _, seed := range []string{
		"query?query=depth&time=1772366460&limit=1", "query_range?query=rate(jobs_total[30s])&start=0&end=1772366460&step=1h&timeout=1s",
		"labels?match[]=depth&start=-1&end=1e9", "label/U__queue/values?match[]={queue=~\".*\"}", "series?match[]=depth&limit=0",
		"metadata?limit=2", "format_query?query=a%2Bb", "query?query=depth[5m:1s]%20offset%20-1h%20@%20end()", "query?query=%00&time=NaN",
		"query_range?query=1&start=-253402300799&end=253402300799&step=1e9",
	} {
		f.Add(seed)
	}
	s, h := served(f)
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.Parse("/api/v1/" + path)
		if err != nil || u.Host != "" || strings.Contains(u.Path, "//") {
			return
		}
		q := u.Query()
		q.Set("timeout", "2s") // so that an expression made to be slow ends
		u.RawQuery = q.Encode()
		r := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: http.NoBody, Host: "x", RequestURI: u.RequestURI()}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code/100 == 3 {
			return // the path is cleaned by a redirect
		}
		var a struct{ Status, ErrorType, Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%s: %v in %s", u, err, w.Body)
		}
		if ok := a.Status == "success"; ok != (w.Code == 200) || ok != (a.Error == "") || ok != (a.ErrorType == "") {
			t.Fatalf("%s: %d %s", u, w.Code, w.Body)
		}
		if w.Code == 500 {
			t.Fatalf("%s: %s", u, w.Body)
		}
		if s.Stats().Corruptions > 0 {
			t.Fatalf("%s: a query was taken for damage", u)
		}
	})
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	r := newResult(promql.Matrix{{}, {}, {}}, nil, nil)
	r.truncate(0)
	if len(r.Series()) != 3 || r.Warnings != nil {
		t.Errorf("no limit: %+v", r)
	}
	r.truncate(2)
	if diff := cmp.Diff([]string{"results truncated due to limit"}, r.Warnings); len(r.Series()) != 2 || diff != "" {
		t.Errorf("limit 2: %+v", r)
	}
}
