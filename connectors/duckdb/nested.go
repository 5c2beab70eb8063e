package duckdb

import (
	"bytes"
	"strings"
)

// entry is where a list's elements are among all elements of the chunk.
type entry struct{ offset, length uint64 }

func writeList(dst []byte, v *vector, row int) []byte {
	e := get[entry](v, row)
	return appendElements(dst, v.children[0], int(e.offset), int(e.length))
}

func writeArray(dst []byte, v *vector, row int) []byte {
	return appendElements(dst, v.children[0], row*v.size, v.size)
}

func appendElements(dst []byte, elements *vector, from, count int) []byte {
	dst = append(dst, '[')
	for i := range count {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendElement(dst, elements, from+i)
	}
	return append(dst, ']')
}

// writeStruct writes {'a': 1, 'b': NULL}, and (1, NULL) for a struct without names.
func writeStruct(dst []byte, v *vector, row int) []byte {
	unnamed := v.words[0] == ""
	open, end := byte('{'), byte('}')
	if unnamed {
		open, end = '(', ')'
	}
	dst = append(dst, open)
	for i, member := range v.children {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if !unnamed {
			dst = append(appendQuoted(dst, []byte(v.words[i])), ": "...)
		}
		dst = appendElement(dst, member, row)
	}
	return append(dst, end)
}

func writeMap(dst []byte, v *vector, row int) []byte {
	e := get[entry](v, row)
	dst = append(dst, '{')
	for i := int(e.offset); i < int(e.offset+e.length); i++ {
		if i > int(e.offset) {
			dst = append(dst, ", "...)
		}
		dst = append(appendElement(dst, v.children[0], i), '=')
		dst = appendElement(dst, v.children[1], i)
	}
	return append(dst, '}')
}

// writeUnion writes the member that the value has.
func writeUnion(dst []byte, v *vector, row int) []byte {
	member := v.children[1+int(get[uint8](v.children[0], row))]
	if member.null(row) {
		return append(dst, "NULL"...)
	}
	return member.write(dst, member, row)
}

// appendElement writes a value inside another: NULL in letters, and text in quotes where it would be read as something else.
func appendElement(dst []byte, v *vector, row int) []byte {
	if v.null(row) {
		return append(dst, "NULL"...)
	}
	start := len(dst)
	dst = v.write(dst, v, row)
	if v.nested() || !needsQuotes(dst[start:]) {
		return dst
	}
	text := bytes.Clone(dst[start:])
	return appendQuoted(dst[:start], text)
}

// needsQuotes follows DuckDB's NestedToVarcharCast: empty text, spaces around it, NULL in letters, and the characters that part
// the elements of nested values.
func needsQuotes(text []byte) bool {
	if len(text) == 0 || isSpace(text[0]) || isSpace(text[len(text)-1]) || strings.EqualFold(string(text), "null") {
		return true
	}
	return bytes.ContainsAny(text, `"'(),:=[]{}`)
}

func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '\'')
	for _, b := range text {
		if b == '\'' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '\'')
}
