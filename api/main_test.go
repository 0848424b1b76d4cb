package api

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sentientcore/upshift/internal/pgtest"
)

// databases is one Postgres for all tests of the package.
var databases pgtest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	if err := databases.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop Postgres:", err)
		code = 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
