package catalog

import (
	"unicode"
	"unicode/utf8"
)

// appendFolded appends s in lower case, byte for byte as long as s, so that a place in one is the same place in the other. A
// letter whose lower case takes another number of bytes stays as it is, and so does what is no UTF-8. A zero byte, which ends
// names in a lexicon, becomes 1.
func appendFolded(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c >= 'A' && c <= 'Z':
				c |= 0x20
			case c == 0:
				c = 1
			}
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if low := unicode.ToLower(r); r != utf8.RuneError && utf8.RuneLen(low) == n {
			b = utf8.AppendRune(b, low)
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return b
}

func fold(s string) string { return string(appendFolded(make([]byte, 0, len(s)), s)) }

// beginsWord says whether a word of name begins at i > 0: after something that is no letter or digit, or where an upper-case
// letter follows a lower-case one or a digit.
func beginsWord(name []byte, i int) bool {
	was, now := name[i-1], name[i]
	if !letterOrDigit(now) {
		return false
	}
	return !letterOrDigit(was) || now >= 'A' && now <= 'Z' && (was < 'A' || was > 'Z')
}

// letterOrDigit counts every byte of a letter outside ASCII as one.
func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}
