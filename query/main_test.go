package query

import (
	"testing"

	"go.uber.org/goleak"
)

// Whatever the tests do, no goroutine of a query, a follower or a pool is left behind (P68).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
