package conf_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sentientcore/upshift/internal/conf"
)

type part struct {
	TTL      time.Duration        `conf:"default_ttl"`
	MaxSize  int                  `conf:"max_size"`
	MaxBytes int64                `conf:"max_bytes"`
	URL      string               `conf:"redis_url,secret"`
	Named    map[string]namedPart `conf:"caches"`
}

type namedPart struct {
	TTL     time.Duration `conf:"ttl"`
	MaxSize int           `conf:"max_size"`
}

type server struct {
	ID     string  `conf:"id"`
	URL    string  `conf:"url"`
	Weight float64 `conf:"weight"`
}

type config struct {
	DataDir string `conf:"data_dir"`
	Cache   struct {
		Enabled bool `conf:"enabled"`
		part
		Part
	} `conf:"cache"`
	Pools   map[string]int `conf:"pools"`
	Servers []server       `conf:"servers"`
	Hosts   []string       `conf:"hosts"`
	Ratio   float64        `conf:"ratio"`
	ignored int            //nolint:unused // that it is passed over is the point
}

// Part is embedded beside a struct that is not exported.
type Part struct {
	Extra string `conf:"extra"`
}

func defaults() config {
	var c config
	c.DataDir = "/data"
	c.Cache.Enabled = true
	c.Cache.TTL = time.Hour
	c.Cache.MaxSize = 1000
	c.Cache.MaxBytes = 256 << 20
	c.Pools = map[string]int{"small": 1000, "large": 100}
	c.Ratio = 0.8
	return c
}

// write makes a file in the current directory, which the test has to itself.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("upshift.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "upshift.yaml"
}

func TestPrecedence(t *testing.T) {
	file := write(t, `
cache:
  max_size: 1        # the file over the default
  default_ttl: 90m
  max_bytes: 1GB
  caches:
    tools: {ttl: 5, max_size: 7}
servers:
  - id: a
    url: http://127.0.0.1:1
    weight: 2
  - {id: b, url: http://127.0.0.1:2}
hosts: [x, "y z"]
pools:
  small: 5
`)
	got := defaults()
	report, err := conf.Load(&got, conf.Sources{
		File: file,
		Env: []string{
			"HOME=/", "PERFORMANCE_CACHE_DEFAULT_TTL=1.5", "PERFORMANCE_CACHE_CACHES_TOOLS_MAX_SIZE=9",
			"PERFORMANCE_SHORT=0.5", "PERFORMANCE_POOLS_LARGE=3", "PERFORMANCE_CACHE_MAX_SIZE=",
		},
		Sets:    []string{"cache.default_ttl=2m", "cache.extra= x=y ", "servers[1].weight=3", "ratio=0.25"},
		Aliases: map[string]string{"PERFORMANCE_SHORT": "ratio"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Cache.MaxSize, want.Cache.TTL, want.Cache.MaxBytes = 1, 2*time.Minute, 1e9
	want.Cache.Named = map[string]namedPart{"tools": {TTL: 5 * time.Second, MaxSize: 9}}
	want.Cache.Extra = " x=y "
	want.Servers = []server{{"a", "http://127.0.0.1:1", 2}, {"b", "http://127.0.0.1:2", 3}}
	want.Hosts = []string{"x", "y z"}
	want.Pools = map[string]int{"small": 5, "large": 3}
	want.Ratio = 0.25
	if d := cmp.Diff(want, got, cmp.AllowUnexported(config{}, part{}), cmp.AllowUnexported(got.Cache)); d != "" {
		t.Errorf("configuration (-want +got):\n%s", d)
	}
	wantReport := []conf.Setting{
		{"data_dir", "/data", "default"},
		{"cache.enabled", "true", "default"},
		{"cache.default_ttl", "2m", "--set"},
		{"cache.max_size", "1", "upshift.yaml:3"},
		{"cache.max_bytes", "1000000000", "upshift.yaml:5"},
		{"cache.redis_url", "", "default"},
		{"cache.caches.tools.ttl", "5s", "upshift.yaml:7"},
		{"cache.caches.tools.max_size", "9", "env PERFORMANCE_CACHE_CACHES_TOOLS_MAX_SIZE"},
		{"cache.extra", " x=y ", "--set"},
		{"pools.large", "3", "env PERFORMANCE_POOLS_LARGE"},
		{"pools.small", "5", "upshift.yaml:15"},
		{"servers[0]", "{id: a, url: http://127.0.0.1:1, weight: 2}", "upshift.yaml:9"},
		{"servers[1]", "{id: b, url: http://127.0.0.1:2, weight: 3}", "upshift.yaml:12"},
		{"hosts[0]", "x", "upshift.yaml:13"},
		{"hosts[1]", "y z", "upshift.yaml:13"},
		{"ratio", "0.25", "--set"},
	}
	if d := cmp.Diff(wantReport, report.Settings); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
}

func TestShortForms(t *testing.T) {
	t.Parallel()
	var got config
	_, err := conf.Load(&got, conf.Sources{
		Env: []string{"PERFORMANCE_SERVERS=a=http://h:1/x?q=1, b=http://h:2", "PERFORMANCE_POOLS=small=1,medium=2", "PERFORMANCE_HOSTS=a, b,"},
		Sets: []string{
			"pools.large=3", "servers[2]={id: c, weight: 4}", "cache.caches={tools: {ttl: 1m}}", "cache.enabled=yes",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var want config
	want.Servers = []server{{ID: "a", URL: "http://h:1/x?q=1"}, {ID: "b", URL: "http://h:2"}, {ID: "c", Weight: 4}}
	want.Pools = map[string]int{"small": 1, "medium": 2, "large": 3}
	want.Hosts = []string{"a", "b"}
	want.Cache.Enabled = true
	want.Cache.Named = map[string]namedPart{"tools": {TTL: time.Minute}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(config{}, part{}), cmp.AllowUnexported(got.Cache)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	t.Parallel()
	c := defaults()
	shared := c.Pools
	if _, err := conf.Load(&c, conf.Sources{Sets: []string{"pools.small=1"}}); err != nil {
		t.Fatal(err)
	}
	if shared["small"] != 1000 || c.Pools["small"] != 1 {
		t.Errorf("the map of the defaults was changed: %v, got %v", shared, c.Pools)
	}
}

func TestFileFaults(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "data_dir: /x\n\ncache:\n  max_sise: 3\n", "upshift.yaml:4: cache.max_sise: unknown key, did you mean cache.max_size?"},
		{"wrong section", "max_bytes: 3\n", "upshift.yaml:1: max_bytes: unknown key, did you mean cache.max_bytes?"},
		{"unlike anything", "cache:\n  quux: 1\n", "upshift.yaml:2: cache.quux: unknown key; known here: cache.enabled, cache.default_ttl, cache.max_size, cache.max_bytes, cache.redis_url, cache.caches, cache.extra"},
		{"duplicate key", "ratio: 1\nhosts: []\nratio: 2\n", "upshift.yaml:3: ratio: is there twice, first in line 1; keep one"},
		{"duration", "cache:\n  default_ttl: abc\n", `upshift.yaml:2: cache.default_ttl: must be a duration such as 90s or 90m (got "abc")`},
		{"size", "cache:\n  max_bytes: 3M\n", `upshift.yaml:2: cache.max_bytes: must be a size such as 256MiB, 1GB or a number of bytes (got "3M")`},
		{"number", "cache: {max_size: 1.5}\n", `upshift.yaml:1: cache.max_size: must be a whole number (got "1.5")`},
		{"boolean", "cache:\n  enabled: 2\n", `upshift.yaml:2: cache.enabled: must be true or false (got "2")`},
		{"not a number", "ratio: .nan\n", `upshift.yaml:1: ratio: must be a number (got ".nan")`},
		{"text", "data_dir: true\n", `upshift.yaml:1: data_dir: must be text; put it in quotes (got "true")`},
		{"secret", "cache:\n  redis_url: [geheim]\n", "upshift.yaml:2: cache.redis_url: must be a single value (got a list)"},
		{"section for value", "ratio:\n  a: 1\n", "upshift.yaml:1: ratio: must be a single value (got a section)"},
		{"value for section", "cache: 3\n", `upshift.yaml:1: cache: must be a section with indented keys below it (got "3")`},
		{"value for list", "servers: a=b\n", `upshift.yaml:1: servers: must be a list of entries that begin with - (got "a=b")`},
		{"section for list", "hosts:\n  a: 1\n", "upshift.yaml:1: hosts: must be a list such as [a, b] (got a section)"},
		{"empty entry", "servers:\n  -\n  - id: a\n", "upshift.yaml:2: servers[0]: must not be empty; remove the entry or fill it in"},
		{"in an entry", "servers:\n  - id: a\n    wait: 3\n", "upshift.yaml:3: servers[0].wait: unknown key; known here: servers[0].id, servers[0].url, servers[0].weight"},
		{"map key", "pools:\n  a b: 1\n", "upshift.yaml:2: pools.a b: must be named with letters, digits, _ or -"},
		{"no mapping", "just text\n", `upshift.yaml:1: must hold sections such as ` + "`cache:`" + ` (got "just text")`},
		{"alias", "ratio: &x 1\n", "upshift.yaml:1: ratio: uses a YAML anchor or alias, which are not read here; write the value out"},
		{"merge", "<<: {ratio: 1}\n", "upshift.yaml:1: uses a YAML anchor or alias, which are not read here; write the value out"},
		{"tag", "ratio: !!float 1\n", "upshift.yaml:1: ratio: carries a YAML tag, which are not read here; write the value alone"},
		{"two documents", "ratio: 1\n---\nratio: 2\n", "upshift.yaml:3: begins a second document; keep one"},
		{"colon", "ratio: a: b\n", "upshift.yaml:1: is not valid YAML: mapping value is not allowed in this context, column 8; align the keys, or put a value that holds a colon in quotes"},
		{"bracket", "hosts: [a\n", "upshift.yaml:1: is not valid YAML: sequence end token ']' not found, column 8; close the bracket"},
		{"tab", "cache:\n\tenabled: true\n", "upshift.yaml:2: is not valid YAML: found character '\t' that cannot start any token, column 1; indent with spaces"},
		{"at sign", "data_dir: @x\n", "upshift.yaml:1: is not valid YAML: '@' is a reserved character, column 11; put the value in quotes"},
		{"binary", "a: \x00\n", "upshift.yaml: is not UTF-8 text; save it as UTF-8"},
		{"latin-1", "data_dir: caf\xe9\n", "upshift.yaml: is not UTF-8 text; save it as UTF-8"},
		{"too long", strings.Repeat("#", 1<<20+1), "upshift.yaml: is larger than 1 MiB; is this a configuration file?"},
		{"too many", strings.Repeat("a: 1\n", 20000), "upshift.yaml: holds more than 50000 words and signs; is this a configuration file?"},
		{"too deep", strings.Repeat("[", 10000), "upshift.yaml:1: is nested too deeply; a configuration is a few levels deep"},
		{"too deep by dashes", strings.Repeat("- ", 10000), "upshift.yaml:1: is nested too deeply; a configuration is a few levels deep"},
		{"two lines", "data_dir: |\n  a\n  b\n", `upshift.yaml:1: data_dir: must be one line of UTF-8 text without control characters (got "a\nb")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := defaults()
			_, err := conf.Load(&c, conf.Sources{File: write(t, tt.file)})
			want := strings.ReplaceAll(tt.want, "\t", " ")
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if d := cmp.Diff(defaults(), c, cmp.AllowUnexported(config{}, part{}), cmp.AllowUnexported(c.Cache)); d != "" {
				t.Errorf("a refused file changed the configuration (-want +got):\n%s", d)
			}
		})
	}
}

func TestHarmlessFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "comments": "# nothing\n", "marker": "---\n", "directive": "%YAML 1.2\n---\nratio: 0.8\n",
		"byte order mark": "\ufeffratio: 0.8\n", "empty section": "cache:\n", "empty value": "cache:\n  default_ttl:\n",
		"windows lines": "cache:\r\n  max_size: 1000\r\nratio: 0.8\r\n", "quoted number": "ratio: '0.8'\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := defaults()
			if _, err := conf.Load(&c, conf.Sources{File: write(t, text)}); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(defaults(), c, cmp.AllowUnexported(config{}, part{}), cmp.AllowUnexported(c.Cache)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "none: there is no such file; make it or name another with --config",
		dir:                        ": is a directory; name the file in it",
	} {
		var c config
		if _, err := conf.Load(&c, conf.Sources{File: path}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s", path, err, want)
		}
	}
}

func TestTextFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		env, set []string
		want     string
	}{
		{"variable", []string{"PERFORMANCE_CACHE_DEFAULT_TTL=abc"}, nil, `env PERFORMANCE_CACHE_DEFAULT_TTL: cache.default_ttl: must be a duration such as 90s or 90m (got "abc")`},
		{"unknown variable", []string{"PERFORMANCE_CACHE_MAX_SISE=1"}, nil, "env PERFORMANCE_CACHE_MAX_SISE: unknown variable, did you mean PERFORMANCE_CACHE_MAX_SIZE?"},
		{"strange variable", []string{"PERFORMANCE_QQQQQQQQQQQQQQQQ=1"}, nil, "env PERFORMANCE_QQQQQQQQQQQQQQQQ: unknown variable: names that begin with PERFORMANCE_ are read as configuration; unset it or correct it"},
		{"two variables", []string{"PERFORMANCE_RATIO=1", "PERFORMANCE_SHORT=2"}, nil, "env PERFORMANCE_SHORT: ratio: is also set, to another value, by PERFORMANCE_RATIO; keep one of them"},
		{"secret", nil, []string{"cache.redis_url=geheim\x01"}, "--set: cache.redis_url: must be one line of UTF-8 text without control characters (got ***)"},
		{"no value", nil, []string{"ratio"}, `--set: must be key=value, such as cache.max_size=1000 (got "ratio")`},
		{"unknown key", nil, []string{"cache.max_sise=1"}, "--set: cache.max_sise: unknown key, did you mean cache.max_size?"},
		{"below a value", nil, []string{"ratio.x=1"}, "--set: ratio.x: unknown key: nothing is below ratio"},
		{"section", nil, []string{"cache=1"}, "--set: cache: is a section; set one of its keys, such as cache.enabled"},
		{"list by name", nil, []string{"servers.a.url=x"}, "--set: servers: is a list; set it whole, or one entry as servers[0]"},
		{"list gap", nil, []string{"servers[4].id=x"}, "--set: servers[4]: must be at most [0]: the list has 0 entries"},
		{"bad index", nil, []string{"servers[x].id=x"}, "--set: servers[x].id: unknown key: an index is written like servers[0]"},
		{"empty part", nil, []string{"cache..x=1"}, "--set: cache..x: unknown key: a part of it is empty"},
		{"bad pair", nil, []string{"servers=http://u:geheim@h"}, `--set: servers[0]: must be id=url (got "http://***@h")`},
		{"bad map", nil, []string{"pools=3"}, `--set: pools: must be name=value,name=value (got "3")`},
		{"bad map value", nil, []string{"pools=a=b"}, `--set: pools.a: must be a whole number (got "b")`},
		{"map of sections", nil, []string{"cache.caches=a"}, "--set: cache.caches: must be set key by key, such as cache.caches.name.ttl, or as {name: {…}}"},
		{"bad flow", nil, []string{"hosts=[a"}, "--set: hosts: is not valid YAML: sequence end token ']' not found, column 1; close the bracket"},
		{"flow key", nil, []string{"servers=[{idd: a}]"}, "--set: servers[0].idd: unknown key, did you mean servers[0].id?"},
		{"huge duration", nil, []string{"cache.default_ttl=99999999999999"}, `--set: cache.default_ttl: must be a duration such as 90s or 90m (got "99999999999999")`},
		{"infinite", nil, []string{"cache.default_ttl=Inf"}, `--set: cache.default_ttl: must be a duration such as 90s or 90m (got "Inf")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c config
			_, err := conf.Load(&c, conf.Sources{Env: tt.env, Sets: tt.set, Aliases: map[string]string{"PERFORMANCE_SHORT": "ratio"}})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestEveryFaultInOneReport(t *testing.T) {
	file := write(t, "ratio: x\ncache:\n  enabled: x\n  nope: 1\n")
	var c config
	_, err := conf.Load(&c, conf.Sources{File: file, Env: []string{"PERFORMANCE_NOPE=1"}, Sets: []string{"nope=1"}})
	if err == nil {
		t.Fatal("no fault")
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 {
		t.Errorf("got %d faults, want 5:\n%v", len(lines), err)
	}
}

func TestFaultsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 500 {
		text.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + ": 1\n")
	}
	var c config
	_, err := conf.Load(&c, conf.Sources{File: write(t, text.String())})
	if err == nil {
		t.Fatal("no fault")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 101 || !strings.HasPrefix(lines[100], "and 4") {
		t.Errorf("got %d lines, the last: %s", len(lines), lines[len(lines)-1])
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "",
		"geheim":                               "***",
		"host=db password=geheim":              "***",
		"redis://:geheim@cache:6379/0":         "redis://***@cache:6379/0",
		"redis://me:geheim@cache:6379/0":       "redis://me:***@cache:6379/0",
		"redis://geheim@cache:6379":            "redis://***@cache:6379",
		"redis://cache:6379/1":                 "redis://cache:6379/1",
		"postgres://u:ge/heim@db/x":            "***",
		"postgres://db/x?password=geheim":      "postgres://db/x?***",
		"https://hooks.example.com/T00/geheim": "https://hooks.example.com/***",
		"https://u:geheim@h:1/":                "https://u:***@h:1/",
	} {
		var c config
		report, err := conf.Load(&c, conf.Sources{Sets: []string{"cache.redis_url=" + text}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range report.Settings {
			if s.Key == "cache.redis_url" && s.Value != want {
				t.Errorf("%q: got %q, want %q", text, s.Value, want)
			}
		}
	}
	var c config
	report, err := conf.Load(&c, conf.Sources{Sets: []string{"servers=a=http://u:geheim@h:1", "data_dir=x://u:geheim@h"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range report.Settings {
		if strings.Contains(s.Value, "geheim") {
			t.Errorf("%s shows a password: %s", s.Key, s.Value)
		}
	}
}

func TestProgramFaults(t *testing.T) {
	t.Parallel()
	var number int
	for name, dst := range map[string]any{
		"no pointer": config{}, "no struct": &number, "nil": nil,
		"twice": &struct {
			A int `conf:"a"`
			B int `conf:"a"`
		}{},
		"channel": &struct {
			A chan int `conf:"a"`
		}{},
		"map": &struct {
			A map[int]int `conf:"a"`
		}{},
	} {
		if _, err := conf.Load(dst, conf.Sources{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTextInPlaceOfAFile(t *testing.T) {
	t.Parallel()
	c := defaults()
	report, err := conf.Load(&c, conf.Sources{File: "built-in", Text: []byte("data_dir: /x\n")})
	if err != nil || c.DataDir != "/x" {
		t.Fatalf("got %q, %v", c.DataDir, err)
	}
	if i := slices.IndexFunc(report.Settings, func(s conf.Setting) bool { return s.Key == "data_dir" }); report.Settings[i].Origin != "built-in:1" {
		t.Errorf("origin %q", report.Settings[i].Origin)
	}
	if _, err := conf.Load(&c, conf.Sources{Text: []byte("nothing: 1")}); err == nil {
		t.Error("an unknown key was taken")
	}
}
