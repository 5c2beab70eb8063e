package mysql

import (
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"patchbay/connectors"
)

// causes are the server's error numbers with a cause of their own; every other number is the statement's.
// https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/
var causes = map[uint16]connectors.Cause{
	1044: connectors.CauseDenied, 1142: connectors.CauseDenied, 1143: connectors.CauseDenied, 1227: connectors.CauseDenied,
	1370: connectors.CauseDenied, 1419: connectors.CauseDenied, 1792: connectors.CauseDenied,
	1399: connectors.CauseDenied,
	1045: connectors.CauseSignIn, 1698: connectors.CauseSignIn, 1862: connectors.CauseSignIn, 1820: connectors.CauseSignIn,
	1129: connectors.CauseSignIn, 1130: connectors.CauseSignIn, 1524: connectors.CauseSignIn, 1251: connectors.CauseSignIn, 1275: connectors.CauseSignIn, 2059: connectors.CauseSignIn, 3118: connectors.CauseSignIn,
	1235: connectors.CauseUnsupported, 1295: connectors.CauseUnsupported,
	1049: connectors.CauseNotFound, 1051: connectors.CauseNotFound, 1146: connectors.CauseNotFound, 1054: connectors.CauseStatement,
	1040: connectors.CauseLimit, 1203: connectors.CauseLimit, 1226: connectors.CauseLimit, 1153: connectors.CauseLimit,
	1317: connectors.CauseCancelled, 3024: connectors.CauseTimeout, 1969: connectors.CauseTimeout, 1205: connectors.CauseTimeout,
	3159: connectors.CauseTLS, 1053: connectors.CauseLost, 1927: connectors.CauseLost,
}

const readOnlyHint = "This connection runs statements read-only. Allow writeback in its settings to change data"

// hints are what to do about numbers where the cause alone says too little.
var hints = map[uint16]string{
	1130: "The server does not let this address in. Ask its administrator to allow the user from Patchbay's address",
	1040: "The server has no free connection. Ask its administrator to raise max_connections",
	1129: "The server locked Patchbay's address out after too many errors. Ask its administrator to run FLUSH HOSTS",
	1235: "Where XA transactions are missing, this server cannot be held to read-only: use a user that may only read, and allow writeback",
	1820: "The user's password has expired. Set a new one at the server",
	1862: "The user's password has expired. Set a new one at the server",
	1399: readOnlyHint, 1792: readOnlyHint,
	3159: "The server takes encrypted connections only. Choose a TLS mode other than off",
	1049: "Check the database's name, or leave it empty",
}

var errNoCertificate = errors.New("no client certificate is given")

// A placedError is an error of the server's about a place in the statement.
type placedError struct {
	error
	position int // in characters, from 1
}

func (e *placedError) Unwrap() error { return e.error }

// parseError is the number of the server's own errors of syntax.
const parseError = 1064

// located finds the place that a syntax error names in its words: "... near 'WHAT FOLLOWS' at line 3". At most 80 characters of
// what follows are shown, so what is shorter stands at the statement's end.
func located(err error, sql string) error {
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != parseError {
		return err
	}
	head, tail, ok := cutLast(e.Message, "' at line ")
	_, near, found := strings.Cut(head, " near '")
	line, wrong := strconv.Atoi(tail)
	if !ok || !found || wrong != nil {
		return err
	}
	from := 0
	for range line - 1 {
		n := strings.IndexByte(sql[from:], '\n')
		if n < 0 {
			return err
		}
		from += n + 1
	}
	at := len(sql) - len(near)
	if !strings.HasSuffix(sql, near) {
		in := strings.Index(sql[from:], strings.TrimSuffix(near, "...")) // MariaDB marks what it cuts
		at = from + in
		if in < 0 {
			return err
		}
	}
	return &placedError{err, utf8.RuneCountInString(sql[:at]) + 1}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// alertHandshakeFailure is TLS alert 40 (RFC 8446, section 6.2).
const alertHandshakeFailure = tls.AlertError(40)

// classify turns an error of the driver into a cause; nil where it is not the driver's.
func classify(err error) *connectors.Error {
	var server *mysql.MySQLError
	var statement *statementError
	var alert *net.OpError // crypto/tls does not export what a peer's alert is
	switch {
	case errors.Is(err, errNotMySQL):
		return &connectors.Error{Cause: connectors.CauseUnreachable, Message: errNotMySQL.Error(), Hint: "Check the host and port"}
	case errors.Is(err, errFile):
		return &connectors.Error{Cause: connectors.CauseDenied, Message: errFile.Error(),
			Hint: "No file is ever handed over: use LOAD DATA with a file on the server. If the statement asked for none, do not trust this server"}
	case errors.Is(err, errColumns), errors.Is(err, errEarlyData):
		return &connectors.Error{Cause: connectors.CauseLost, Message: "the server does not keep to MySQL's protocol", Hint: "Check that what answers there is a MySQL server"}
	case errors.Is(err, errTooLarge):
		return &connectors.Error{Cause: connectors.CauseLimit, Message: errTooLarge.Error(), Hint: "Ask for less at once: a part of the value, or fewer columns"}
	case errors.Is(err, errNoCertificate):
		return &connectors.Error{Cause: connectors.CauseSignIn, Message: err.Error(),
			Hint: "Paste the client certificate and its key under TLS, or sign in with a password"}
	case errors.As(err, &statement) && strings.HasPrefix(statement.error.Error(), "sql: "): // of database/sql, about bound values
		return &connectors.Error{Cause: connectors.CauseStatement, Message: strings.TrimPrefix(statement.error.Error(), "sql: "),
			Hint: "Check the values that the statement takes"}
	case errors.As(err, &server):
		cause, known := causes[server.Number]
		if !known {
			cause = connectors.CauseStatement
		}
		if cause == connectors.CauseSignIn && errors.As(err, &statement) {
			cause = connectors.CauseDenied // "access denied" for want of a privilege has the number of a wrong password
		}
		out := &connectors.Error{Cause: cause, Message: server.Message, Code: number(server), Hint: hints[server.Number]}
		var placed *placedError
		if errors.As(err, &placed) {
			out.Position = placed.position
		}
		return out
	case errors.Is(err, mysql.ErrNoTLS):
		return &connectors.Error{Cause: connectors.CauseTLS, Message: "the server does not offer TLS",
			Hint: "Turn TLS on at the server, or choose the TLS mode off if the network between is trusted"}
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktSyncMul):
		return &connectors.Error{Cause: connectors.CauseLost, Message: "the connection broke, or what answers is no MySQL server"}
	case errors.Is(err, mysql.ErrPktTooLarge):
		return &connectors.Error{Cause: connectors.CauseLimit, Message: "one value is larger than 64 MiB"}
	case errors.As(err, &alert) && alert.Op == "remote error" && alert.Err.Error() == alertHandshakeFailure.Error():
		return &connectors.Error{Cause: connectors.CauseTLS, Message: "the server refused the TLS handshake",
			Hint: "Old servers (MySQL 8.0.15 and before) offer no cipher with forward secrecy. Update the server"}
	}
	return nil
}

// number is the code that people search for: the number with its SQLSTATE.
func number(e *mysql.MySQLError) string {
	code := strconv.Itoa(int(e.Number))
	if e.SQLState != [5]byte{} {
		code += " (" + string(e.SQLState[:]) + ")"
	}
	return code
}
