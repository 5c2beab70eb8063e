package sqlite

import (
	"bytes"
	"math"
	"strconv"
)

// appendReal appends f as SQLite lays out a REAL: a point is always there, and an exponent below 1e-4 and from 1e17 up. It
// writes the fewest digits that read back to exactly f; SQLite itself fills up to 17 where 13 are too few.
func appendReal(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-Inf"...)
	case f == 0:
		return append(dst, "0.0"...) // SQLite does not write a negative zero
	case math.Abs(f) >= 1e-4 && math.Abs(f) < 1e17:
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	text := strconv.AppendFloat(nil, f, 'e', -1, 64)
	mantissa, exponent, _ := bytes.Cut(text, []byte{'e'})
	dst = append(dst, mantissa...)
	if bytes.IndexByte(mantissa, '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return append(append(dst, 'e'), exponent...)
}
