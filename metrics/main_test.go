package metrics

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childDir, set in the environment, makes the test binary a process that appends to the
// store in that directory until it is killed.
const childDir = "UPSHIFT_TEST_METRICS_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, appendForever(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
