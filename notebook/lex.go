package notebook

import (
	"strings"

	"patchbay/dialect"
)

// A span is a part of a source that is code, or words that the server does not read as code.
type span struct {
	kind       spanKind
	start, end int // bytes
}

type spanKind int

const (
	code spanKind = iota
	quoted
	comment
)

// A grammar is how one product writes strings and comments. Reading it wrong cannot paste a value into a statement, since
// values are never pasted; it could only refuse or send on what the server then refuses.
type grammar struct {
	backslash bool // \' does not end a string
	escapes   bool // neither does it in a string that begins with E'
	backticks bool // `name`
	brackets  bool // [name]
	dollars   bool // $tag$ ... $tag$
	hash      bool // # begins a comment
	strict    bool // -- begins a comment only before a space
	nested    bool // /* /* */ */
}

func grammarOf(d *dialect.Dialect) grammar {
	switch d.Name {
	case "mysql", "mariadb":
		return grammar{backslash: true, backticks: true, hash: true, strict: true}
	case "sqlite":
		return grammar{backticks: true, brackets: true}
	case "postgres", "duckdb":
		return grammar{escapes: true, dollars: true, nested: true}
	}
	return grammar{}
}

// spans splits a source into code, quoted text and comments, without a gap.
func (g grammar) spans(src string) []span {
	var out []span
	begin := 0
	for i := 0; i < len(src); {
		kind, end := g.special(src, i)
		if end == i {
			i++
			continue
		}
		if begin < i {
			out = append(out, span{code, begin, i})
		}
		out = append(out, span{kind, i, end})
		i, begin = end, end
	}
	if begin < len(src) {
		out = append(out, span{code, begin, len(src)})
	}
	return out
}

// special finds the end of the quoted text or comment that begins at i. The end is i where none does.
func (g grammar) special(src string, i int) (spanKind, int) {
	rest := src[i:]
	switch c := src[i]; {
	case c == '\'':
		return quoted, closing(src, i, '\'', g.backslash || g.escapes && escaped(src, i))
	case c == '"':
		return quoted, closing(src, i, '"', g.backslash)
	case c == '`' && g.backticks:
		return quoted, closing(src, i, '`', false)
	case c == '[' && g.brackets:
		return quoted, closing(src, i, ']', false)
	case c == '$' && g.dollars:
		return quoted, dollarEnd(src, i)
	case c == '#' && g.hash, strings.HasPrefix(rest, "--") && (!g.strict || len(rest) == 2 || rest[2] <= ' '):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return comment, i + n
		}
		return comment, len(src)
	case strings.HasPrefix(rest, "/*"):
		return comment, g.commentEnd(src, i)
	}
	return code, i
}

// closing finds the end of the text that is quoted from i on: after the first quote that is neither doubled nor, where
// backslashes count, escaped. A text that never ends goes to the end of the source.
func closing(src string, i int, quote byte, backslash bool) int {
	for j := i + 1; j < len(src); j++ {
		switch {
		case src[j] == '\\' && backslash:
			j++
		case src[j] == quote && j+1 < len(src) && src[j+1] == quote && quote != ']':
			j++
		case src[j] == quote:
			return j + 1
		}
	}
	return len(src)
}

// escaped says whether the quote at i has an E of its own before it, as in E'\n'.
func escaped(src string, i int) bool {
	return i > 0 && (src[i-1] == 'e' || src[i-1] == 'E') && (i == 1 || !wordByte(src[i-2]))
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// dollarEnd finds the end of $tag$ ... $tag$, or answers i where none begins: $1 is a placeholder, a$b a name.
func dollarEnd(src string, i int) int {
	if i > 0 && wordByte(src[i-1]) {
		return i
	}
	n := i + 1
	for n < len(src) && wordByte(src[n]) && src[n] != '$' && (n > i+1 || src[n] < '0' || src[n] > '9') {
		n++
	}
	if n == len(src) || src[n] != '$' {
		return i
	}
	tag := src[i : n+1]
	if m := strings.Index(src[n+1:], tag); m >= 0 {
		return n + 1 + m + len(tag)
	}
	return len(src)
}

func (g grammar) commentEnd(src string, i int) int {
	depth := 0
	for j := i; j+1 < len(src); j++ {
		switch {
		case src[j] == '/' && src[j+1] == '*' && (depth == 0 || g.nested):
			depth++
			j++
		case src[j] == '*' && src[j+1] == '/':
			depth--
			j++
			if depth == 0 {
				return j + 1
			}
		}
	}
	return len(src)
}
