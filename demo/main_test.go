package demo

import (
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sharedCorpus is the corpus of seed 1, made once for all tests.
var sharedCorpus = sync.OnceValue(func() *corpus { return newCorpus(1) })
