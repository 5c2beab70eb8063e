package connectors

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessage bounds what a server may say in one error (PROMISES P15).
const maxMessage = 2 << 10

// Visible is text from elsewhere as one line that is safe to show and to log: line breaks are spaces, other control characters
// and those that turn the direction of text or cannot be seen become marks, bytes that are no UTF-8 become \xNN.
func Visible(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02X`, s[i])
		case r == '\n' || r == '\r' || r == '\t':
			if !strings.HasSuffix(b.String(), " ") {
				b.WriteByte(' ')
			}
		case r < 0x20:
			b.WriteRune('\u2400' + r) // Unicode's pictures of control characters
		case r == 0x7F:
			b.WriteRune('\u2421')
		case !unicode.IsPrint(r) && r != ' ':
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

// cut shortens s to at most n bytes, between characters, and says that it did.
func cut(s string, n int) string {
	const mark = "..."
	if len(s) <= n {
		return s
	}
	end := n - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
