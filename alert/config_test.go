package alert

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	limits := Thresholds{CPUUsagePercent: 50}.WithDefaults()
	wantLimits := Thresholds{ResponseTime: time.Second, CPUUsagePercent: 50, MemoryUsagePercent: 85, ErrorRatePercent: 5}
	if diff := cmp.Diff(wantLimits, limits); diff != "" {
		t.Errorf("Thresholds: %s", diff)
	}
	want := Config{For: time.Minute, KeepFiring: 2 * time.Minute, MinRequests: 20}
	if diff := cmp.Diff(want, Config{}.WithDefaults()); diff != "" {
		t.Errorf("Config: %s", diff)
	}
}

func TestThresholdsNameEveryFault(t *testing.T) {
	t.Parallel()
	bad := Thresholds{
		ResponseTime: -time.Second, CPUUsagePercent: 101,
		MemoryUsagePercent: math.NaN(), ErrorRatePercent: math.Inf(1),
	}
	want := `thresholds.response_time: must be between 0 and 1h0m0s (got -1s)
thresholds.cpu_usage: must be between 0 and 100 percent (got 101)
thresholds.memory_usage: must be between 0 and 100 percent (got NaN)
thresholds.error_rate: must be between 0 and 100 percent (got +Inf)`
	if err := bad.Validate(); err == nil || err.Error() != want {
		t.Errorf("Validate() = %v\nwant %s", err, want)
	}
	if err := (Thresholds{CPUUsagePercent: 100}).Validate(); err != nil {
		t.Errorf("100 %%: %v", err)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	const private = "must not be a loopback, private or link-local address, unless alerts.webhook_allow_private is true"
	for _, tt := range []struct {
		name string
		cfg  Config
		want string // beginning of each line, empty for no fault
	}{
		{"zero", Config{}, ""},
		{"public", Config{WebhookURL: "https://hooks.example.com/services/s3cret?x=s3cret"}, ""},
		{"public address", Config{WebhookURL: "http://8.8.8.8:8080/"}, ""},
		{"no scheme", Config{WebhookURL: "hooks.example.com/s3cret"}, "alerts.webhook_url: must begin with http:// or https://"},
		{"file", Config{WebhookURL: "file:///s3cret"}, "alerts.webhook_url: must begin with http:// or https://"},
		{"no host", Config{WebhookURL: "https:///s3cret"}, "alerts.webhook_url: must name a host"},
		{"opaque", Config{WebhookURL: "https:s3cret"}, "alerts.webhook_url: must name a host"},
		{"no URL", Config{WebhookURL: "https://a\x01b/s3cret"}, "alerts.webhook_url: must be a URL such as"},
		{"fragment", Config{WebhookURL: "https://a.example/#s3cret"}, "alerts.webhook_url: must not have a fragment"},
		{"long", Config{WebhookURL: "https://a.example/" + strings.Repeat("x", 2048)}, "alerts.webhook_url: must be at most 2048 bytes"},
		{"loopback", Config{WebhookURL: "http://127.0.0.1/s3cret"}, "alerts.webhook_url: " + private},
		{"localhost", Config{WebhookURL: "http://LocalHost./s3cret"}, "alerts.webhook_url: " + private},
		{"loopback allowed", Config{WebhookURL: "http://127.0.0.1/s3cret", WebhookAllowPrivate: true}, ""},
		{
			"metadata never",
			Config{WebhookURL: "http://169.254.169.254/s3cret", WebhookAllowPrivate: true},
			"alerts.webhook_url: must not be a metadata, multicast or reserved address",
		},
		{
			"metadata name never",
			Config{WebhookURL: "http://metadata.google.internal./s3cret", WebhookAllowPrivate: true},
			"alerts.webhook_url: must not be a cloud metadata service",
		},
		{
			"every fault",
			Config{WebhookURL: "s3cret", For: -1, KeepFiring: 25 * time.Hour, MinRequests: -2},
			"alerts.webhook_url: must begin\nalerts.for: must be between 0 and 24h0m0s (got -1ns)\n" +
				"alerts.keep_firing: must be between\nalerts.min_requests: must be between 0 and 1000000 (got -2)",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := tt.cfg.Validate(); err != nil {
				got = err.Error()
			}
			gotLines, wantLines := strings.Split(got, "\n"), strings.Split(tt.want, "\n")
			if len(gotLines) != len(wantLines) || (tt.want == "") != (got == "") {
				t.Fatalf("Validate() = %q, want %q", got, tt.want)
			}
			for i := range wantLines {
				if !strings.HasPrefix(gotLines[i], wantLines[i]) {
					t.Errorf("line %d = %q, want %q…", i, gotLines[i], wantLines[i])
				}
			}
			if strings.Contains(got, "s3cret") {
				t.Errorf("the error tells the secret: %s", got)
			}
		})
	}
}
