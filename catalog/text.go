package catalog

import (
	_ "embed" // the words stand beside this file
	"encoding/binary"
	"strings"
	"sync"
)

// Texts are stored in a code made for the names of tables and columns, which are short, built of the same few words
// everywhere, and so many that a general compressor's frame would outweigh them. A text is written as
//
//	header     uvarint: length of the code, twice, plus 1 where the text is all upper case and stands here in lower case
//	code       one of, again and again:
//	  00-7e    that byte
//	  7f       the next piece begins with an upper-case letter
//	  80       a run of raw bytes: length 1-255, the bytes
//	  81, 82   the first and the second name of the context: the table's own name, its parent's
//	  83-df    a word of the first block of words.txt
//	  e0-ff    with the next byte: a word of the other blocks, alone, after "_", or before "_id"
//
// words.txt is part of the stored format: changing it needs a new codecVersion.
const (
	codeShift   = 0x7f
	codeRaw     = 0x80
	codeContext = 0x81
	codeShort   = 0x83
	codeLong    = 0xe0
	maxWord     = 32
)

//go:embed words.txt
var wordsFile string

// A vocabulary is words.txt made ready for both directions.
type vocabulary struct {
	short, long []string
	code        map[string][]byte // word -> its code
	longest     [1 << 16]uint8    // first two bytes -> length of the longest word that begins with them
}

var words = sync.OnceValue(func() *vocabulary {
	first, rest, _ := strings.Cut(wordsFile, "\n\n")
	v := &vocabulary{short: strings.Fields(first), code: map[string][]byte{}}
	for _, w := range strings.Fields(strings.ReplaceAll(rest, "·", "\x00")) {
		w = strings.ReplaceAll(w, "\x00", " ")
		for _, form := range []string{w, "_" + w, w + "_id"} {
			if v.code[form] == nil {
				n := len(v.long)
				v.code[form] = []byte{codeLong + byte(n>>8), byte(n)}
				v.long = append(v.long, form)
			}
		}
	}
	for i, w := range v.short {
		v.code[w] = []byte{codeShort + byte(i)}
	}
	for w := range v.code {
		at := &v.longest[int(w[0])<<8|int(w[1])]
		*at = max(*at, uint8(len(w)))
	}
	return v
})

// match finds the longest word that s begins with; nil where there is none.
func (v *vocabulary) match(s string) (n int, code []byte) {
	if len(s) < 2 {
		return 0, nil
	}
	for n = min(int(v.longest[int(s[0])<<8|int(s[1])]), len(s)); n >= 2; n-- {
		if code = v.code[s[:n]]; code != nil {
			return n, code
		}
	}
	return 0, nil
}

// A textContext holds names that texts about one table are likely to repeat.
type textContext [2]string

func (c textContext) match(s string) (n int, code byte) {
	for i, name := range c {
		if len(name) > 2 && len(name) > n && strings.HasPrefix(s, name) {
			n, code = len(name), codeContext+byte(i)
		}
	}
	return n, code
}

func appendText(b []byte, s string, ctx textContext) []byte {
	upper := uint64(0)
	if allUpper(s) {
		s, upper = strings.ToLower(s), 1
	}
	var buf [128]byte
	code := appendCode(buf[:0], s, ctx)
	b = binary.AppendUvarint(b, uint64(len(code))<<1|upper)
	return append(b, code...)
}

func appendCode(b []byte, s string, ctx textContext) []byte {
	v := words()
	for len(s) > 0 {
		if n, code := ctx.match(s); n > 0 {
			b, s = append(b, code), s[n:]
			continue
		}
		if n, code := v.match(s); n > len(code) {
			b, s = append(b, code...), s[n:]
			continue
		}
		switch c := s[0]; {
		case c >= 'A' && c <= 'Z' && len(s) > 1:
			if n, code := v.match(string(c|0x20) + s[1:min(len(s), maxWord)]); n > len(code)+1 {
				b, s = append(append(b, codeShift), code...), s[n:]
				continue
			}
			b, s = append(b, c), s[1:]
		case c < codeShift:
			b, s = append(b, c), s[1:]
		default:
			n := rawRun(s)
			b, s = append(append(b, codeRaw, byte(n)), s[:n]...), s[n:]
		}
	}
	return b
}

// rawRun is the number of leading bytes, at most 255, that have no code of their own.
func rawRun(s string) int {
	n := 1
	for n < min(len(s), 255) && s[n] >= codeShift {
		n++
	}
	return n
}

// allUpper says whether s has letters and, lowered and raised again, is the same: ASCII without any lower-case letter.
func allUpper(s string) bool {
	letters := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= codeShift:
			return false
		case c >= 'A' && c <= 'Z':
			letters = true
		}
	}
	return letters
}

// appendDecoded appends the text that code stands for; not ok where it stands for none.
func appendDecoded(b, code []byte, ctx textContext) (text []byte, ok bool) {
	v := words()
	shift := false
	for len(code) > 0 {
		at, n := len(b), 1
		switch c := code[0]; {
		case c < codeShift:
			b = append(b, c)
		case c == codeShift:
			shift, code = true, code[1:]
			continue
		case c == codeRaw:
			if len(code) < 2 || len(code) < 2+int(code[1]) {
				return nil, false
			}
			n = 2 + int(code[1])
			b = append(b, code[2:n]...)
		case c < codeShort:
			b = append(b, ctx[c-codeContext]...)
		default:
			word, size := v.word(code)
			if size == 0 {
				return nil, false
			}
			b, n = append(b, word...), size
		}
		if shift && at < len(b) {
			b[at] &^= 0x20
			shift = false
		}
		code = code[n:]
	}
	return b, !shift
}

// word is the word that code begins with and the size of its code; 0 where there is none.
func (v *vocabulary) word(code []byte) (word string, size int) {
	if code[0] < codeLong {
		if n := int(code[0] - codeShort); n < len(v.short) {
			return v.short[n], 1
		}
		return "", 0
	}
	if len(code) < 2 {
		return "", 0
	}
	if n := int(code[0]-codeLong)<<8 | int(code[1]); n < len(v.long) {
		return v.long[n], 2
	}
	return "", 0
}

func upperASCII(b []byte) {
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c &^ 0x20
		}
	}
}
