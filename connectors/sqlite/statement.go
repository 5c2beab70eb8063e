package sqlite

import (
	"strings"

	"patchbay/connectors"
)

// onlyStatement cuts sql behind its one statement. SQLite would run the first of several and the driver would go on with the
// rest, answering a comment behind the semicolon with an empty result. This is no guard: the engine is locked whatever runs.
func onlyStatement(sql string) (string, error) {
	end := statementEnd(sql)
	if !blank(sql[end:]) {
		return "", &connectors.Error{Cause: connectors.CauseStatement, Op: "read the statement", Message: "SQLite runs one statement at a time"}
	}
	if blank(sql[:end]) {
		return "", &connectors.Error{Cause: connectors.CauseStatement, Op: "read the statement", Message: "there is no statement"}
	}
	return sql[:end], nil
}

// statementEnd is the place behind the first semicolon that stands outside strings, quoted names and comments.
func statementEnd(sql string) int {
	for i := 0; i < len(sql); {
		if sql[i] == ';' {
			return i + 1
		}
		i += tokenLen(sql[i:])
	}
	return len(sql)
}

// blank says that sql holds nothing but space, comments and semicolons.
func blank(sql string) bool {
	for i := 0; i < len(sql); {
		comment := strings.HasPrefix(sql[i:], "--") || strings.HasPrefix(sql[i:], "/*")
		if !comment && !strings.ContainsRune(" \t\n\f\r;", rune(sql[i])) {
			return false
		}
		i += tokenLen(sql[i:])
	}
	return true
}

// tokenLen is the length of the string, quoted name or comment that sql begins with, and 1 where it begins with none.
// A doubled quote reads as two tokens, which end in the same place.
func tokenLen(sql string) int {
	var end string
	switch {
	case sql[0] == '\'' || sql[0] == '"' || sql[0] == '`':
		end = sql[:1]
	case sql[0] == '[':
		end = "]"
	case strings.HasPrefix(sql, "--"):
		end = "\n"
	case strings.HasPrefix(sql, "/*"):
		end = "*/"
	default:
		return 1
	}
	// The search begins behind the opening mark, which is as long as the closing one but for the one-letter end of a line.
	from := len(end)
	if end == "\n" {
		from = 2
	}
	if at := strings.Index(sql[from:], end); at >= 0 {
		return from + at + len(end)
	}
	return len(sql)
}
