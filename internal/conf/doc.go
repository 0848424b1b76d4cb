// Package conf fills a struct from a YAML file, the environment and key=value settings,
// and remembers where each value came from.
//
// Use it for configuration that is plain data: nested structs whose fields carry a conf
// tag, as in
//
//	type Config struct {
//		DataDir string `conf:"data_dir"`
//		Cache   struct {
//			TTL      time.Duration `conf:"ttl"`
//			MaxBytes int64         `conf:"max_bytes"`
//			URL      string        `conf:"url,secret"`
//		} `conf:"cache"`
//	}
//
// [Load] starts from the defaults that the struct holds already; the file wins over
// them, the environment over the file, settings over the environment. The file key, the
// variable and the setting of a value derive from the struct: cache.ttl,
// PERFORMANCE_CACHE_TTL, cache.ttl=90m. An embedded struct without a tag belongs to the
// section it is embedded in.
//
// Values are read alike from all three: a duration is a number of seconds or 90m, an
// int64 whose key ends in _bytes takes 256MiB, a list of structs is written id=url,id=url
// and a map small=1000,medium=500 where there is only one line for it. Maps are merged
// key by key, lists are replaced. An empty variable, and a key without a value in the
// file, count as not set.
//
// Nothing is guessed: unknown keys, duplicate keys and values of the wrong type are
// faults, every one of them is reported in one go, and the struct stays as it was.
//
// It does not watch files, and it does not judge values beyond their type: the struct's
// own method Validate does, and what it says is reported with the place of the value.
package conf
