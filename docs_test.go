package upshift_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentientcore/upshift"
	"github.com/sentientcore/upshift/api"
	"github.com/sentientcore/upshift/internal/conf"
)

// pages are the README and the guides by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no guides: %v", err)
	}
	found := map[string]string{}
	for _, file := range append(files, "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[file] = string(text)
	}
	return found
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")

// snippets are the fenced blocks of a language by page.
func snippets(t *testing.T, language string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for page, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			if m[1] == language {
				found[page] = append(found[page], m[2])
			}
		}
	}
	return found
}

// Every configuration shown is one that upshift takes.
func TestConfigurationInDocs(t *testing.T) {
	t.Parallel()
	blocks := snippets(t, "yaml")
	if len(blocks) == 0 {
		t.Fatal("the guides show no configuration")
	}
	for page, list := range blocks {
		for _, text := range list {
			if _, _, err := upshift.Load(conf.Sources{File: writeConfig(t, text), Env: []string{home}}); err != nil {
				t.Errorf("%s: %v\n%s", page, err, text)
			}
		}
	}
}

// The page on configuration has a row for each setting, with its default.
func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	text := pages(t)["docs/configuration.md"]
	for _, key := range conf.Keys(upshift.DefaultConfig()) {
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/configuration.md lacks %s", key)
		}
	}
	known := conf.Keys(upshift.DefaultConfig())
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)`").FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], ".") && !slices.Contains(known, m[1]) {
			t.Errorf("docs/configuration.md documents %s, which does not exist", m[1])
		}
	}
}

var asked = regexp.MustCompile(`(?:(GET|POST|PUT|PATCH|DELETE) )?(/api/performance/[a-z0-9/{}.-]+|/api/v1/[a-z_/]+)`)

// Every path in the guides leads to a route, with the method where one is given.
func TestPathsInDocs(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig(t), upshift.Collaborators{})
	routes := m.API.Routes()
	checked := 0
	for page, text := range pages(t) {
		for _, match := range asked.FindAllStringSubmatch(text, -1) {
			method, path := match[1], strings.TrimRight(match[2], ".")
			if strings.HasSuffix(path, "/") {
				continue // a base, not a route
			}
			checked++
			if !slices.ContainsFunc(routes, func(r api.Route) bool { return leadsTo(r, method, path) }) {
				t.Errorf("%s: no route for %s %s", page, method, path)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d paths found: the pattern is wrong", checked)
	}
}

// leadsTo reports whether a path, with values or names in its holes, is the route's.
func leadsTo(r api.Route, method, path string) bool {
	if method != "" && method != r.Method {
		return false
	}
	mine, theirs := strings.Split(r.Path, "/"), strings.Split(path, "/")
	return slices.EqualFunc(mine, theirs, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") })
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// Every relative link leads to a file.
func TestLinksInDocs(t *testing.T) {
	t.Parallel()
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

var metric = regexp.MustCompile(`upshift_[a-z0-9_]+`)

// Every metric that the guides name exists, once there was traffic.
func TestMetricsInDocs(t *testing.T) {
	t.Parallel()
	m := start(t, testConfig(t, backend(t, "ok")), upshift.Collaborators{})
	if status, _ := get(t, "http://"+m.GatewayAddr()+"/"); status != http.StatusOK {
		t.Fatalf("gateway answered %d", status)
	}
	ask := strings.NewReader(`{"model":"m","stream":true}`)
	res, err := http.Post("http://"+m.GatewayAddr()+"/v1/chat/completions", "application/json", ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.Body.Close() != nil {
		t.Fatal(err)
	}
	_, exposition := get(t, "http://"+m.APIAddr()+"/metrics")
	for page, text := range pages(t) {
		for _, name := range metric.FindAllString(text, -1) {
			if !strings.Contains(exposition, "# TYPE "+strings.TrimSuffix(name, "_bucket")+" ") {
				t.Errorf("%s: no metric %s", page, name)
			}
		}
	}
}

// Every piece of Go in the guides stands, line for line, in a program that is compiled.
func TestGoInDocs(t *testing.T) {
	t.Parallel()
	programs := ""
	for _, pattern := range []string{"*_test.go", "*/example_test.go", "examples/*/main.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			programs += flat(string(text)) + "\n"
		}
	}
	for page, list := range snippets(t, "go") {
		for _, text := range list {
			if !strings.Contains(programs, strings.TrimSpace(flat(text))) {
				t.Errorf("%s: no program has\n%s", page, text)
			}
		}
	}
}

// flat is text without indentation.
func flat(text string) string {
	lines := []string{}
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}
