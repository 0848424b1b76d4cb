package conf

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "90": 90 * time.Second, "1.5": 1500 * time.Millisecond, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute,
		"-3": -3 * time.Second, "-3s": -3 * time.Second, "250ms": 250 * time.Millisecond, "1e3": 1000 * time.Second,
	} {
		got, err := parseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
		if again, err := parseDuration(formatDuration(got)); err != nil || again != got {
			t.Errorf("%q is printed as %q, which is read as %v, %v", text, formatDuration(got), again, err)
		}
	}
	for _, text := range []string{"", "m", "1 h", "1d", "NaN", "inf", "-Inf", "1e300", "9223372037", "10000000h", "0x"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %v, want a fault", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s", 0: "0s", 10 * time.Minute: "10m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "4096": 4096, "256MiB": 256 << 20, "1GB": 1e9, "1.5GiB": 3 << 29, "0.1GB": 1e8, "10 kB": 10_000, "1kib": 1024,
		"-1": -1, "1B": 1, "2TiB": 2 << 40, "1TB": 1e12, "3mb": 3e6, "0.5": 0,
	} {
		got, err := parseSize(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
		if again, err := parseSize(formatSize(got)); err != nil || again != got {
			t.Errorf("%q is printed as %q, which is read as %v, %v", text, formatSize(got), again, err)
		}
	}
	for _, text := range []string{"", "MiB", "1M", "1G", "1/3", "1e9", "0x10", "9999999TiB", "1..2", "--1", "1MiBs", "9223372036854775808"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %v, want a fault", text, got)
		}
	}
}
