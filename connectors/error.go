package connectors

import (
	"context"
	"errors"
)

// A Cause is why a database could not be reached or would not do. The set is closed; causes.go has words and a hint for each.
type Cause string

// The causes.
const (
	CauseAddress       Cause = "address"           // the name cannot be looked up
	CauseRefusedPolicy Cause = "refused-by-policy" // the guarded dialer refused the address
	CauseUnreachable   Cause = "unreachable"       // refused, no route, reset before anything was said
	CauseTunnel        Cause = "tunnel"
	CauseHostKey       Cause = "host-key"
	CauseTLS           Cause = "tls"
	CauseSignIn        Cause = "sign-in"
	CauseDenied        Cause = "denied"
	CauseNotFound      Cause = "not-found" // the database, schema, table or file does not exist
	CauseStatement     Cause = "statement"
	CauseLimit         Cause = "limit"
	CauseTimeout       Cause = "timeout"
	CauseCancelled     Cause = "cancelled"
	CauseLost          Cause = "lost" // the connection broke while in use
	CauseUnsupported   Cause = "unsupported"
	CauseInternal      Cause = "internal"
)

// Error is why a database could not be reached or would not do. It has no Unwrap: the driver's error stops here, because
// drivers print DSNs. Is still answers for context.Canceled and context.DeadlineExceeded.
type Error struct {
	Cause    Cause
	Op       string // what was being done: "sign in", "read the catalog of sales"
	Message  string // the server's own words: cut to 2 KiB, control characters and known secrets removed
	Code     string // SQLSTATE or the product's number
	Position int    // 1-based offset in characters in the statement as the caller wrote it; 0 when unknown
	Hint     string // what to do, where the family knows better than causes.go
}

func (e *Error) Error() string {
	s := string(e.Cause)
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Is makes errors.Is work for the two context errors, whose class callers decide on.
func (e *Error) Is(target error) bool {
	return e.Cause == CauseCancelled && target == context.Canceled || e.Cause == CauseTimeout && target == context.DeadlineExceeded
}

// As finds an optional ability of a source, through the wrappers around it.
func As[T any](src Source) (T, bool) {
	for {
		if t, ok := src.(T); ok {
			return t, true
		}
		u, ok := src.(interface{ Unwrap() Source })
		if !ok {
			var none T
			return none, false
		}
		src = u.Unwrap()
	}
}

// CauseOf is the cause of err, CauseInternal where it is no *Error.
func CauseOf(err error) Cause {
	var e *Error
	if errors.As(err, &e) {
		return e.Cause
	}
	return CauseInternal
}
