package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries is returned where the Postgres server is not installed. Its text is the
// remedy.
var ErrNoBinaries = errors.New("pgtest: no Postgres server on this machine; install it " +
	"(Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql) " +
	"or name the directory that holds initdb and postgres in " + BinEnv)

// BinEnv is the environment variable that names the directory of the server's programs.
const BinEnv = "UPSHIFT_POSTGRES_BIN"

// findBinaries returns the directory that holds initdb and postgres: the one in BinEnv,
// one on the PATH, or the newest in the usual places.
func findBinaries() (string, error) {
	if runtime.GOOS == "windows" {
		return "", ErrNoBinaries // stopping a server there takes more than a signal
	}
	if dir := os.Getenv(BinEnv); dir != "" {
		if complete(dir) {
			return dir, nil
		}
		return "", ErrNoBinaries
	}
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if file, err := filepath.EvalSymlinks(initdb); err == nil && complete(filepath.Dir(file)) {
			return filepath.Dir(file), nil
		}
	}
	var found []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/usr/libexec/postgresql*",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = append(found, slices.DeleteFunc(dirs, func(d string) bool { return !complete(d) })...)
	}
	if len(found) == 0 {
		return "", ErrNoBinaries
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// version reads the major version out of a path such as /usr/lib/postgresql/15/bin; 0 when
// there is none.
func version(dir string) int {
	newest := 0
	for part := range strings.FieldsFuncSeq(dir, func(r rune) bool { return r < '0' || r > '9' }) {
		if n, err := strconv.Atoi(part); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}
