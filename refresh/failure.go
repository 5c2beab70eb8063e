package refresh

import (
	"errors"
	"fmt"
	"slices"

	"patchbay/connectors"
	"patchbay/store"
)

// A failure is why a run did not do what it should, for people and for the connection's state.
type failure struct {
	state              string
	cause, words, hint string
	reach              store.ReachState // empty: nothing was learnt about the connection
	doubt              *doubtError      // nil: there is none
}

// A doubtError is a reading that would remove nearly everything.
type doubtError struct {
	gone []string // keys of the tables that it would remove
}

func (e *doubtError) Error() string {
	return fmt.Sprintf("nearly everything is missing: %d tables", len(e.gone))
}

// errNothingRead is a reading in which the source finished no part at all.
var errNothingRead = errors.New("no part of the catalog could be read")

// unreachable are the causes that say that the server was not spoken with. Of one that had answered,
// that something took too long only says that it is slow.
var unreachable = []connectors.Cause{connectors.CauseAddress, connectors.CauseRefusedPolicy, connectors.CauseUnreachable, connectors.CauseTunnel,
	connectors.CauseHostKey, connectors.CauseTLS, connectors.CauseTimeout, connectors.CauseLost}

// failureOf is what an error means. answered says that the server had answered before.
func failureOf(err error, answered bool) failure {
	var e *connectors.Error
	var doubt *doubtError
	switch {
	case errors.Is(err, errCancelled), errors.Is(err, errForgotten):
		return failure{state: stateCancelled}
	case errors.Is(err, ErrStopped):
		return failure{state: stateInterrupted, cause: stateInterrupted, words: "The server stopped while this ran", hint: "Refresh again"}
	case errors.Is(err, store.ErrLeaseHeld), errors.Is(err, store.ErrReplaced):
		return failure{state: stateCancelled, cause: "replaced", words: "Another Patchbay process is refreshing this connection"}
	case errors.As(err, &doubt):
		return failure{state: stateNeedsLook, cause: "suspicious", doubt: doubt,
			words: "Nearly all tables are missing from what the server lists, so nothing was removed",
			hint:  "Check that the user of the connection still has its rights. If the tables are really gone, an Admin can apply it anyway"}
	case errors.As(err, &e):
		f := failure{state: stateFailed, cause: string(e.Cause), words: wordsOf(e), hint: e.Advice(), reach: store.ReachRefreshFailed}
		if slices.Contains(unreachable, e.Cause) && (e.Cause != connectors.CauseTimeout || !answered) {
			f.reach = store.ReachUnreachable
		}
		return f
	}
	if errors.Is(err, errNothingRead) {
		return failure{state: stateFailed, cause: string(connectors.CauseDenied), words: "No part of the catalog could be read",
			hint: connectors.CauseDenied.Hint(), reach: store.ReachRefreshFailed}
	}
	return failure{state: stateFailed, cause: string(connectors.CauseInternal), words: connectors.CauseInternal.Words(),
		hint: connectors.CauseInternal.Hint(), reach: store.ReachRefreshFailed}
}

// wordsOf are the words of a source's error with what the server itself said.
func wordsOf(e *connectors.Error) string {
	if e.Message == "" {
		return e.Cause.Words()
	}
	return e.Cause.Words() + ": " + e.Message
}

// denied says whether a part could not be read for want of a right.
func denied(err error) bool {
	var e *connectors.Error
	return errors.As(err, &e) && e.Cause == connectors.CauseDenied
}

// reasonOf says why a part could not be read. The text of an error that passed no guard may hold anything, so it is not shown.
func reasonOf(err error) string {
	var e *connectors.Error
	if errors.As(err, &e) {
		return wordsOf(e)
	}
	return "It could not be read"
}
