package connectors

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"sort"
	"strings"
)

// A redactor takes known secrets out of text, in each form in which a driver or server may repeat them: as they are, URL
// encoded, in base64 (of any alignment, as in a Basic header), in hexadecimal; and beginnings of each (PROMISES P14).
type redactor struct {
	forms []string // longest first
	short []string // too short to be taken out of the middle of a word
}

const (
	// shortestPrefix is how much of a secret's beginning counts as the secret.
	shortestPrefix = 6
	// shortestSecret is how long a secret must be to be found inside words.
	shortestSecret = 4
	// maxRedacted bounds the text that is looked through; what is longer is cut before.
	maxRedacted = 64 << 10
	redacted    = "[secret]"
)

func newRedactor(secrets Secrets) *redactor {
	r := &redactor{}
	forms := map[string]bool{}
	for _, s := range secrets {
		for _, line := range append(strings.Split(s.Reveal(), "\n"), s.Reveal()) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-----") {
				addForms(forms, line)
			}
		}
	}
	for form := range forms {
		if len(form) < shortestSecret {
			r.short = append(r.short, form)
		} else {
			r.forms = append(r.forms, form)
		}
	}
	sort.Slice(r.forms, func(i, j int) bool {
		return len(r.forms[i]) > len(r.forms[j]) || len(r.forms[i]) == len(r.forms[j]) && r.forms[i] < r.forms[j]
	})
	return r
}

func addForms(forms map[string]bool, s string) {
	user := strings.TrimPrefix(url.UserPassword("", s).String(), ":")
	escaped := []string{s, url.QueryEscape(s), url.PathEscape(s), user}
	for _, form := range escaped {
		forms[form] = true
		forms[lowerEscapes(form)] = true
	}
	if len(s) < shortestSecret {
		return
	}
	forms[hex.EncodeToString([]byte(s))] = true
	forms[strings.ToUpper(hex.EncodeToString([]byte(s)))] = true
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			forms[aligned(enc, s, before)] = true
		}
	}
}

// lowerEscapes writes the percent escapes of s with small letters.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// aligned is the part of the base64 of (before bytes + s + more) that s alone decides.
func aligned(enc *base64.Encoding, s string, before int) string {
	text := enc.EncodeToString(append(make([]byte, before), s...))
	start := []int{0, 2, 3}[before]
	end := len(text)
	if (before+len(s))%3 != 0 {
		end-- // its last bits belong to what follows
	}
	return text[min(start, end):end]
}

// clean is text without secrets, visible and cut: what may be shown, kept and logged.
func (r *redactor) clean(text string) string {
	return cut(Visible(r.redact(cut(text, maxRedacted))), maxMessage)
}

// redact replaces each secret, and each beginning of one of at least shortestPrefix characters.
func (r *redactor) redact(text string) string {
	for _, form := range r.forms {
		text = replaceFrom(text, form[:min(len(form), shortestPrefix)], func(rest string) int { return common(rest, form) })
	}
	for _, word := range r.short {
		text = replaceWord(text, word)
	}
	return text
}

// replaceFrom replaces what begins with head, as far as it reaches.
func replaceFrom(text, head string, reach func(rest string) int) string {
	var b strings.Builder
	for {
		i := strings.Index(text, head)
		if i < 0 {
			return b.String() + text
		}
		b.WriteString(text[:i] + redacted)
		text = text[i+reach(text[i:]):]
	}
}

// common is how many bytes a and b begin with in common.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// replaceWord replaces word where it stands alone.
func replaceWord(text, word string) string {
	var b strings.Builder
	done := 0
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return b.String() + text[done:]
		}
		i += from
		from = i + len(word)
		if (i == 0 || !wordByte(text[i-1])) && (from == len(text) || !wordByte(text[from])) {
			b.WriteString(text[done:i] + redacted)
			done = from
		}
	}
}

func wordByte(c byte) bool {
	return c >= 0x80 || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'
}
