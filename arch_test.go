package upshift_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sentientcore/upshift"

// layers is the layering as text, ground floor first: a package may import those of
// the lines above its own, never its siblings. Nothing runs back up.
const layers = `
internal/conf internal/run internal/netaddr internal/pgtest internal/redistest internal/sqltoken web
profiler profiler/capture profiler/cause profiler/otlp cache cache/diskcache cache/rediscache cache/semantic memory balancer balancer/sim postgres postgres/advise
metrics balancer/replay gateway/llm
gateway alert
advisor
api
.
demo
cmd/upshift examples/*
`

// serverOnly are dependencies that a user of one pillar must not have to compile,
// with the packages that may import them.
var serverOnly = map[string][]string{
	"github.com/prometheus/prometheus": {"metrics"},
	"github.com/danielgtaylor/huma":    {"api"},
	"github.com/spf13/cobra":           {"cmd/upshift"},
	"go.etcd.io/bbolt":                 {"api", "."},
	"github.com/goccy/go-yaml":         {"internal/conf"},
	"github.com/jackc/pgx":             {"postgres", "postgres/advise", "internal/pgtest", "demo"},
	"github.com/redis/rueidis":         {"cache/rediscache"},
	"github.com/google/pprof":          {"profiler/capture"},
	"github.com/felixge/fgprof":        {"profiler/capture"},
	"golang.org/x/exp":                 {"profiler/cause"},
}

func TestLayering(t *testing.T) {
	t.Parallel()
	floor := map[string]int{}
	for i, line := range strings.Split(strings.TrimSpace(layers), "\n") {
		for name := range strings.FieldsSeq(line) {
			floor[name] = i
		}
	}
	for pkg, imports := range packages(t) {
		mine, ok := floorOf(floor, pkg)
		if !ok {
			t.Errorf("package %s has no floor: add it to the layers in arch_test.go and to ARCHITECTURE.md", pkg)
			continue
		}
		for _, imp := range imports {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			dep := cleanPath(strings.TrimPrefix(strings.TrimPrefix(imp, module), "/"))
			theirs, ok := floorOf(floor, dep)
			switch {
			case !ok:
				t.Errorf("%s imports %s, which has no floor", pkg, dep)
			case strings.HasPrefix(pkg, "internal/"):
				t.Errorf("%s imports %s: internal packages are leaves and import nothing of ours", pkg, dep)
			case theirs > mine:
				t.Errorf("%s imports %s: that runs back up (floor %d to %d)", pkg, dep, mine, theirs)
			case theirs == mine && !strings.HasPrefix(pkg, dep+"/"):
				t.Errorf("%s imports %s: siblings on one floor do not know each other", pkg, dep)
			}
		}
	}
}

func TestServerDependenciesStayInTheirRoom(t *testing.T) {
	t.Parallel()
	for pkg, imports := range packages(t) {
		for _, imp := range imports {
			for dep, allowed := range serverOnly {
				if (imp == dep || strings.HasPrefix(imp, dep+"/")) && !slices.Contains(allowed, pkg) {
					t.Errorf("%s imports %s: only %v may, so that nobody else compiles it", pkg, imp, allowed)
				}
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	t.Parallel()
	for pkg := range packages(t) {
		matches, err := filepath.Glob(filepath.Join(filepath.FromSlash(pkg), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(matches, documented(t)) {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// documented reports whether a file carries a package comment of some substance.
func documented(t *testing.T) func(file string) bool {
	t.Helper()
	return func(file string) bool {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		return f.Doc != nil && len(f.Doc.Text()) > 40
	}
}

// packages maps each package of this module to what its files (tests left out) import.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "bench" || d.Name() == "build" || d.Name() == "node_modules" || d.Name() == "testdata" ||
			len(d.Name()) > 1 && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := cleanPath(path.Dir(filepath.ToSlash(file)))
		found[pkg] = append(found[pkg], importsOf(f.Imports)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func importsOf(specs []*ast.ImportSpec) []string {
	paths := []string{}
	for _, s := range specs {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func cleanPath(p string) string {
	if p == "" {
		return "."
	}
	return p
}

// floorOf finds the floor of a package, by its name or by a "folder/*" entry.
func floorOf(floor map[string]int, pkg string) (int, bool) {
	if f, ok := floor[pkg]; ok {
		return f, true
	}
	f, ok := floor[path.Dir(pkg)+"/*"]
	return f, ok
}
