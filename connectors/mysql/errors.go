package mysql

import (
	"crypto/tls"
	"errors"
	"strconv"

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
	1130: connectors.CauseSignIn, 1251: connectors.CauseSignIn, 1275: connectors.CauseSignIn, 2059: connectors.CauseSignIn, 3118: connectors.CauseSignIn,
	1049: connectors.CauseNotFound, 1051: connectors.CauseNotFound, 1146: connectors.CauseNotFound, 1054: connectors.CauseStatement,
	1040: connectors.CauseLimit, 1203: connectors.CauseLimit, 1226: connectors.CauseLimit, 1153: connectors.CauseLimit,
	1317: connectors.CauseCancelled, 3024: connectors.CauseTimeout, 1969: connectors.CauseTimeout, 1205: connectors.CauseTimeout,
	3159: connectors.CauseTLS, 1053: connectors.CauseLost, 1927: connectors.CauseLost,
}

const readOnlyHint = "This connection runs statements read-only. Allow writeback in its settings to change data"

// hints are what to do about numbers where the cause alone says too little.
var hints = map[uint16]string{
	1130: "The server does not let this address in. Ask its administrator to allow the user from Patchbay's address",
	1399: readOnlyHint, 1792: readOnlyHint,
	3159: "The server takes encrypted connections only. Choose a TLS mode other than off",
	1049: "Check the database's name, or leave it empty",
}

// alertHandshakeFailure is TLS alert 40 (RFC 8446, section 6.2).
const alertHandshakeFailure = tls.AlertError(40)

// classify turns an error of the driver into a cause; nil where it is not the driver's.
func classify(err error) *connectors.Error {
	var server *mysql.MySQLError
	var alert tls.AlertError
	switch {
	case errors.As(err, &server):
		cause, known := causes[server.Number]
		if !known {
			cause = connectors.CauseStatement
		}
		var statement *statementError
		if cause == connectors.CauseSignIn && errors.As(err, &statement) {
			cause = connectors.CauseDenied // "access denied" for want of a privilege has the number of a wrong password
		}
		return &connectors.Error{Cause: cause, Message: server.Message, Code: number(server), Hint: hints[server.Number]}
	case errors.Is(err, mysql.ErrNoTLS):
		return &connectors.Error{Cause: connectors.CauseTLS, Message: "the server does not offer TLS",
			Hint: "Turn TLS on at the server, or choose the TLS mode off if the network between is trusted"}
	case errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktSyncMul):
		return &connectors.Error{Cause: connectors.CauseLost, Message: "the connection broke, or what answers is no MySQL server"}
	case errors.Is(err, mysql.ErrPktTooLarge):
		return &connectors.Error{Cause: connectors.CauseLimit, Message: "one value is larger than 64 MiB"}
	case errors.As(err, &alert) && alert == alertHandshakeFailure:
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
