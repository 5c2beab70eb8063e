package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"strconv"

	"github.com/mattn/go-sqlite3"

	"patchbay/connectors"
)

// classify tells what went wrong by SQLite's result code (sqlite.org/rescode.html).
func classify(err error) *connectors.Error {
	var known *connectors.Error
	if errors.As(err, &known) {
		return known
	}
	var broken sqlite3.Error
	switch {
	case errors.As(err, &broken):
		cause, hint := causeOf(broken.Code)
		return &connectors.Error{Cause: cause, Message: broken.Error(), Code: strconv.Itoa(int(broken.ExtendedCode)), Hint: hint}
	case errors.Is(err, context.Canceled):
		return &connectors.Error{Cause: connectors.CauseCancelled}
	case errors.Is(err, context.DeadlineExceeded):
		return &connectors.Error{Cause: connectors.CauseTimeout}
	case errors.Is(err, fs.ErrNotExist):
		return &connectors.Error{Cause: connectors.CauseNotFound, Message: "there is no such file"}
	case errors.Is(err, fs.ErrPermission):
		return &connectors.Error{Cause: connectors.CauseDenied, Message: "the file may not be read"}
	}
	return nil
}

func causeOf(code sqlite3.ErrNo) (cause connectors.Cause, hint string) {
	switch code {
	case sqlite3.ErrAuth, sqlite3.ErrPerm, sqlite3.ErrReadonly:
		return connectors.CauseDenied, "SQLite files are opened read-only, and statements that reach out of the file are refused"
	case sqlite3.ErrNotADB, sqlite3.ErrFormat:
		return connectors.CauseUnsupported, "The file is no SQLite database, or it is encrypted"
	case sqlite3.ErrCorrupt:
		return connectors.CauseUnsupported, "The file is damaged"
	case sqlite3.ErrCantOpen:
		return connectors.CauseNotFound, "A file in WAL mode needs the folder to be writable, or its -shm file to be there"
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return connectors.CauseLimit, "Another program is writing to the file. Try again when it is done"
	case sqlite3.ErrTooBig, sqlite3.ErrNomem, sqlite3.ErrFull:
		return connectors.CauseLimit, ""
	case sqlite3.ErrIoErr:
		return connectors.CauseLost, ""
	case sqlite3.ErrInterrupt:
		return connectors.CauseCancelled, ""
	case sqlite3.ErrInternal:
		return connectors.CauseInternal, ""
	}
	return connectors.CauseStatement, ""
}
