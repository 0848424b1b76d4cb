package conf_test

import (
	"fmt"
	"time"

	"github.com/sentientcore/upshift/internal/conf"
)

func ExampleLoad() {
	var cfg struct {
		Cache struct {
			TTL      time.Duration `conf:"ttl"`
			MaxBytes int64         `conf:"max_bytes"`
		} `conf:"cache"`
	}
	cfg.Cache.TTL = time.Hour // the default

	report, err := conf.Load(&cfg, conf.Sources{
		Env:  []string{"PERFORMANCE_CACHE_TTL=90"},
		Sets: []string{"cache.max_bytes=256MiB"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range report.Settings {
		fmt.Println(s.Key, s.Value, s.Origin)
	}
	// Output:
	// cache.ttl 1m30s env PERFORMANCE_CACHE_TTL
	// cache.max_bytes 256MiB --set
}

func ExampleLoad_fault() {
	var cfg struct {
		MaxSize int `conf:"max_size"`
	}
	_, err := conf.Load(&cfg, conf.Sources{Sets: []string{"max_sise=3", "max_size=three"}})
	fmt.Println(err)
	// Output:
	// --set: max_sise: unknown key, did you mean max_size?
	// --set: max_size: must be a whole number (got "three")
}
