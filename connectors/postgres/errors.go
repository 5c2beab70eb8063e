package postgres

import (
	"errors"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"patchbay/connectors"
)

// states are the SQLSTATEs with a cause of their own, classes those of the rest by their first two characters; every other
// state is the statement's. https://www.postgresql.org/docs/current/errcodes-appendix.html
var states = map[string]connectors.Cause{
	"28000": connectors.CauseSignIn, "28P01": connectors.CauseSignIn,
	"3D000": connectors.CauseNotFound,
	"42501": connectors.CauseDenied, "25006": connectors.CauseDenied,
	"57014": connectors.CauseTimeout, "55P03": connectors.CauseTimeout, "25P03": connectors.CauseTimeout, "25P04": connectors.CauseTimeout, "57P05": connectors.CauseTimeout,
	"57P01": connectors.CauseLost, "57P02": connectors.CauseLost, "57P03": connectors.CauseUnreachable, "57P04": connectors.CauseNotFound,
	"0A000": connectors.CauseUnsupported,
}

var classes = map[string]connectors.Cause{
	"08": connectors.CauseLost, "28": connectors.CauseSignIn, "53": connectors.CauseLimit, "54": connectors.CauseLimit,
}

// hints are what to do about states where the cause alone says too little.
var hints = map[string]string{
	"28000": "The server's pg_hba.conf lets this user in neither from Patchbay's address nor in this way, or the user may not sign in",
	"25006": "This connection runs statements read-only. Allow writeback in its settings to change data",
	"57014": "The server ended the statement: its own statement_timeout, or an administrator",
	"53300": "The server has no free connection. Ask its administrator to raise max_connections or the user's connection limit",
	"57P03": "The server is starting or stopping. Try again in a moment",
}

// classify turns an error of the driver into a cause; nil where it is not the driver's.
func classify(err error) *connectors.Error {
	var server *pgconn.PgError
	var large *pgproto3.ExceededMaxBodyLenErr
	switch {
	case errors.As(err, &server):
		return fromServer(server)
	case errors.Is(err, errNoTLS):
		return &connectors.Error{Cause: connectors.CauseTLS, Message: errNoTLS.Error(),
			Hint: "Turn TLS on at the server: ssl = on in postgresql.conf. PostgreSQL is reached with TLS alone"}
	case errors.Is(err, errNoCertificate):
		return &connectors.Error{Cause: connectors.CauseSignIn, Message: errNoCertificate.Error(),
			Hint: "Paste the client certificate and its key under TLS, or sign in with a password"}
	case errors.Is(err, errCopy):
		return &connectors.Error{Cause: connectors.CauseUnsupported, Message: errCopy.Error(), Hint: "Use a query in place of COPY"}
	case errors.As(err, &large):
		return &connectors.Error{Cause: connectors.CauseLimit, Message: "one row is larger than 64 MiB"}
	case errors.Is(err, errNotPostgres):
		return &connectors.Error{Cause: connectors.CauseUnreachable, Message: errNotPostgres.Error(), Hint: "Check the host and port"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, errClosed):
		return &connectors.Error{Cause: connectors.CauseLost, Message: "the connection broke"}
	}
	return nil
}

func fromServer(e *pgconn.PgError) *connectors.Error {
	cause, known := states[e.Code]
	if !known && len(e.Code) == 5 {
		cause, known = classes[e.Code[:2]]
	}
	if !known {
		cause = connectors.CauseStatement
	}
	out := &connectors.Error{Cause: cause, Message: e.Message, Code: e.Code, Position: int(e.Position), Hint: hints[e.Code]}
	if e.Detail != "" {
		out.Message += " (" + e.Detail + ")"
	}
	if out.Hint == "" {
		out.Hint = e.Hint
	}
	return out
}

// serverSaid says whether err is the server's answer, so that the server itself is there and well.
func serverSaid(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && fromServer(server).Cause != connectors.CauseLost
}
