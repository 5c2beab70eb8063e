package mysql

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"

	"patchbay/connectors"
)

// causes are the server's error numbers with a cause of their own; every other number is the statement's.
// https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/
var causes = map[uint16]connectors.Cause{
	1044: connectors.CauseDenied, 1045: connectors.CauseDenied, 1142: connectors.CauseDenied, 1143: connectors.CauseDenied, 1227: connectors.CauseDenied,
	1370: connectors.CauseDenied, 1399: connectors.CauseDenied, 1419: connectors.CauseDenied, 1698: connectors.CauseDenied, 1792: connectors.CauseDenied,
	1820: connectors.CauseDenied,
	1049: connectors.CauseNotFound, 1051: connectors.CauseNotFound, 1146: connectors.CauseNotFound,
	1040: connectors.CauseLimit, 1153: connectors.CauseLimit, 1203: connectors.CauseLimit, 1226: connectors.CauseLimit,
	1205: connectors.CauseTimeout, 1317: connectors.CauseTimeout, 1969: connectors.CauseTimeout, 3024: connectors.CauseTimeout,
	1053: connectors.CauseLost, 1927: connectors.CauseLost, 4031: connectors.CauseLost,
	1235: connectors.CauseUnsupported, 1295: connectors.CauseUnsupported,
	3159: connectors.CauseTLS,
}

// whileSigningIn are the numbers whose cause is another before signing in is over.
var whileSigningIn = map[uint16]connectors.Cause{
	1045: connectors.CauseSignIn, 1698: connectors.CauseSignIn, 1862: connectors.CauseSignIn, 1820: connectors.CauseSignIn, 1129: connectors.CauseSignIn,
	1130: connectors.CauseSignIn, 1251: connectors.CauseSignIn, 1275: connectors.CauseSignIn, 1524: connectors.CauseSignIn, 2059: connectors.CauseSignIn,
	3118: connectors.CauseSignIn, 4151: connectors.CauseSignIn, 1043: connectors.CauseUnreachable,
}

const readOnlyHint = "This connection runs statements read-only. Allow writeback in its settings to change data"

// hints are what to do about numbers where the cause alone says too little.
var hints = map[uint16]string{
	1040: "The server has no free connection. Ask its administrator to raise max_connections",
	1049: "Check the database's name, or leave it empty",
	1129: "The server locked Patchbay's address out after too many errors. Ask its administrator to run FLUSH HOSTS",
	1130: "The server does not let this address in. Ask its administrator to allow the user from Patchbay's address",
	1235: "Where XA transactions are missing, this server cannot be held to read-only: use a user that may only read, and allow writeback",
	1317: "The server ended the statement: an administrator, or its own time limit",
	1399: readOnlyHint, 1792: readOnlyHint,
	1820: "The user's password has expired. Set a new one at the server",
	1862: "The user's password has expired. Set a new one at the server",
	3159: "The server takes encrypted connections only. Choose a TLS mode other than off",
}

// ours are the errors that this package makes.
var ours = map[error]connectors.Error{
	errNotMySQL: {Cause: connectors.CauseUnreachable, Hint: "Check the host and port"},
	errTooOld:   {Cause: connectors.CauseUnsupported, Hint: "Update the server"},
	errNoTLS: {Cause: connectors.CauseTLS,
		Hint: "Turn TLS on at the server, or choose the TLS mode off if the network between is trusted"},
	errZeroByte: {Cause: connectors.CauseSignIn, Hint: "Enter the name again"},
	errNoCertificate: {Cause: connectors.CauseSignIn,
		Hint: "Paste the client certificate and its key under TLS, or sign in with a password"},
	errMethod:        {Cause: connectors.CauseSignIn, Hint: "Ask the server's administrator for a user that signs in with caching_sha2_password"},
	errOldPassword:   {Cause: connectors.CauseSignIn, Hint: "Ask the server's administrator to set the user's password again"},
	errClear:         {Cause: connectors.CauseSignIn, Hint: "It is sent as it is only where TLS shows who the server is: choose the TLS mode that verifies the certificate"},
	errServerKey:     {Cause: connectors.CauseSignIn, Hint: "Choose a TLS mode other than off: the key is then not needed"},
	errTooLarge:      {Cause: connectors.CauseLimit, Hint: "Ask for less at once: a part of the value, or fewer columns"},
	errColumns:       {Cause: connectors.CauseLost, Hint: "Check that what answers there is a MySQL server"},
	errLongStatement: {Cause: connectors.CauseLimit, Hint: "Make the statement or its values shorter"},
	errFile: {Cause: connectors.CauseDenied,
		Hint: "No file is ever handed over: use LOAD DATA with a file on the server. If the statement asked for none, do not trust this server"},
	errOutOfStep: {Cause: connectors.CauseLost},
	errMalformed: {Cause: connectors.CauseLost},
	errClosed:    {Cause: connectors.CauseLost},
}

var errLongStatement = errors.New("the statement is longer than 64 MiB")

// A countError is a statement with more or fewer places than values.
type countError struct{ takes, given int }

func (e *countError) Error() string {
	return fmt.Sprintf("the statement takes %d values, %d are given", e.takes, e.given)
}

// A typeError is a value that MySQL has no type for.
type typeError struct {
	place int
	value any
}

func (e *typeError) Error() string {
	if _, list := e.value.([]string); list {
		return fmt.Sprintf("value %d is a list, and MySQL has no lists", e.place)
	}
	return fmt.Sprintf("value %d is a %T, which cannot be bound", e.place, e.value)
}

// alertHandshakeFailure is TLS alert 40 (RFC 8446, section 6.2).
const alertHandshakeFailure = tls.AlertError(40)

// classify turns an error of this package into one that can be shown; nil where it is another's.
func classify(err error) *connectors.Error {
	var server *serverError
	var placed *placedError
	var count *countError
	var kind *typeError
	var alert *net.OpError // crypto/tls does not export what a peer's alert is
	switch {
	case errors.As(err, &placed):
		out := fromServer(placed.serverError)
		out.Position = placed.position
		return out
	case errors.As(err, &server):
		return fromServer(server)
	case errors.As(err, &count):
		return &connectors.Error{Cause: connectors.CauseStatement, Message: count.Error()}
	case errors.As(err, &kind):
		return &connectors.Error{Cause: connectors.CauseUnsupported, Message: kind.Error()}
	case errors.As(err, &alert) && alert.Op == "remote error" && alert.Err.Error() == alertHandshakeFailure.Error():
		return &connectors.Error{Cause: connectors.CauseTLS, Message: "the server refused the TLS handshake",
			Hint: "Old servers (MySQL 8.0.15 and before) offer no cipher with forward secrecy. Update the server"}
	}
	for known, out := range ours {
		if errors.Is(err, known) {
			out.Message = known.Error()
			return &out
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return &connectors.Error{Cause: connectors.CauseLost, Message: "the connection broke"}
	}
	return nil
}

func fromServer(e *serverError) *connectors.Error {
	cause, known := causes[e.number]
	if special, ok := whileSigningIn[e.number]; ok && e.signIn {
		cause, known = special, true
	}
	if !known {
		cause = connectors.CauseStatement
	}
	code := strconv.Itoa(int(e.number)) // what people search for: the number with its SQLSTATE
	if e.state != "" {
		code += " (" + e.state + ")"
	}
	return &connectors.Error{Cause: cause, Message: e.message, Code: code, Hint: hints[e.number]}
}

// A placedError is a serverError about a place in the statement.
type placedError struct {
	*serverError
	position int // in characters, from 1
}

func (e *placedError) Unwrap() error { return e.serverError }

// parseError is the number of the server's own errors of syntax.
const parseError = 1064

// located finds the place that a syntax error names in its words: "... near 'WHAT FOLLOWS' at line 3". At most 80 characters of
// what follows are shown, so what is shorter stands at the statement's end.
func located(err error, sql string) error {
	var e *serverError
	if !errors.As(err, &e) || e.number != parseError {
		return err
	}
	head, tail, ok := cutLast(e.message, "' at line ")
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
	return &placedError{e, utf8.RuneCountInString(sql[:at]) + 1}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
