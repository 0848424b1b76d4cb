package balancer

import (
	"math"
	"net/http"
	"testing"
)

func TestLoadReport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header, value string
		want          float64
		ok            bool
	}{
		{loadHeader, "0.7", 0.7, true},
		{loadHeader, " 1.5 ", 1, true},
		{loadHeader, "-1", 0, false},
		{loadHeader, "NaN", 0, false},
		{loadHeader, "Inf", 0, false},
		{orcaHeader, "TEXT cpu_utilization=0.3, mem_utilization=0.8", 0.8, true},
		{orcaHeader, "TEXT application_utilization=0.2,cpu_utilization=0.9", 0.2, true},
		{orcaHeader, "TEXT cpu_utilization=0.4,named_metrics.x=3,rps_fractional=10", 0.4, true},
		{orcaHeader, `JSON {"cpu_utilization":0.3,"mem_utilization":0.1,"named_metrics":{"x":1}}`, 0.3, true},
		{orcaHeader, `JSON {"application_utilization":0.6}`, 0.6, true},
		{orcaHeader, "TEXT rps_fractional=10", 0, false},
		{orcaHeader, "TEXT cpu_utilization", 0, false},
		{orcaHeader, "TEXT cpu_utilization=x", 0, false},
		{orcaHeader, "JSON {", 0, false},
		{orcaHeader, "BIN abc", 0, false},
		{orcaHeader, "", 0, false},
		{"Other", "0.5", 0, false},
	} {
		h := http.Header{}
		h.Set(tt.header, tt.value)
		if got, ok := reportIn(h); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %s: got %v, %v, want %v, %v", tt.header, tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

func TestLoadReportOfAServer(t *testing.T) {
	t.Parallel()
	s := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("endpoint-load-metrics", "TEXT cpu_utilization=0.25")
	})
	p := newPool(t, Config{Strategy: ResourceBased}, s.URL)
	send(t, p, request(t, "GET", "/", nil))
	if st := p.Stats().Servers["a"]; st.LoadRatio != 0.25 || st.LoadReported.IsZero() || st.LoadScore <= 0 || st.LoadScore > 1 {
		t.Errorf("got %+v, want load 0.25", st)
	}
}

func FuzzLoadReport(f *testing.F) {
	for _, s := range []string{"TEXT cpu_utilization=0.3", `JSON {"cpu_utilization":1e400}`, "TEXT a=,=b", "JSON null", "TEXT cpu_utilization=nan"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for _, parse := range []func(string) (float64, error){parseOrca, parseRatio} {
			if got, err := parse(v); err == nil && !(got >= 0 && got <= 1) || math.IsNaN(got) {
				t.Errorf("%q gave %v, %v", v, got, err)
			}
		}
	})
}
