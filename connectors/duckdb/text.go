package duckdb

import (
	"encoding/hex"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"time"

	engine "github.com/duckdb/duckdb-go-bindings"
)

// The writers in this file and in nested.go append a value in the very text that DuckDB's cast to VARCHAR gives it; a test
// compares them with the engine.

// scalars are the types without parameters.
var scalars = map[engine.Type]struct {
	name  string
	write func([]byte, *vector, int) []byte
}{
	engine.TypeBoolean:   {"BOOLEAN", func(dst []byte, v *vector, row int) []byte { return strconv.AppendBool(dst, get[bool](v, row)) }},
	engine.TypeTinyInt:   {"TINYINT", writeInt[int8]},
	engine.TypeSmallInt:  {"SMALLINT", writeInt[int16]},
	engine.TypeInteger:   {"INTEGER", writeInt[int32]},
	engine.TypeBigInt:    {"BIGINT", writeInt[int64]},
	engine.TypeUTinyInt:  {"UTINYINT", writeUint[uint8]},
	engine.TypeUSmallInt: {"USMALLINT", writeUint[uint16]},
	engine.TypeUInteger:  {"UINTEGER", writeUint[uint32]},
	engine.TypeUBigInt:   {"UBIGINT", writeUint[uint64]},
	engine.TypeHugeInt:   {"HUGEINT", func(dst []byte, v *vector, row int) []byte { return appendHuge(dst, get[huge](v, row)) }},
	engine.TypeUHugeInt:  {"UHUGEINT", func(dst []byte, v *vector, row int) []byte { return appendUhuge(dst, get[huge](v, row)) }},
	engine.TypeBigNum:    {"BIGNUM", writeBignum},
	engine.TypeFloat: {"FLOAT", func(dst []byte, v *vector, row int) []byte {
		return appendFloat(dst, float64(get[float32](v, row)), 32)
	}},
	engine.TypeDouble:      {"DOUBLE", func(dst []byte, v *vector, row int) []byte { return appendFloat(dst, get[float64](v, row), 64) }},
	engine.TypeVarchar:     {"VARCHAR", func(dst []byte, v *vector, row int) []byte { return append(dst, v.bytes(row)...) }},
	engine.TypeBlob:        {"BLOB", writeBlob},
	engine.TypeBit:         {"BIT", writeBit},
	engine.TypeUUID:        {"UUID", writeUUID},
	engine.TypeDate:        {"DATE", writeDate},
	engine.TypeTime:        {"TIME", func(dst []byte, v *vector, row int) []byte { return appendClock(dst, get[int64](v, row), 6) }},
	engine.TypeTimeNS:      {"TIME_NS", func(dst []byte, v *vector, row int) []byte { return appendClock(dst, get[int64](v, row), 9) }},
	engine.TypeTimeTZ:      {"TIME WITH TIME ZONE", writeTimeTZ},
	engine.TypeTimestamp:   {"TIMESTAMP", writeTimestamp(6, "")},
	engine.TypeTimestampS:  {"TIMESTAMP_S", writeTimestamp(0, "")},
	engine.TypeTimestampMS: {"TIMESTAMP_MS", writeTimestamp(3, "")},
	engine.TypeTimestampNS: {"TIMESTAMP_NS", writeTimestamp(9, "")},
	engine.TypeTimestampTZ: {"TIMESTAMP WITH TIME ZONE", writeTimestamp(6, "+00")}, // the session's time zone is UTC
	engine.TypeInterval:    {"INTERVAL", writeInterval},
	engine.TypeSQLNull:     {`"NULL"`, func(dst []byte, _ *vector, _ int) []byte { return dst }},
}

func writeInt[T int8 | int16 | int32 | int64](dst []byte, v *vector, row int) []byte {
	return strconv.AppendInt(dst, int64(get[T](v, row)), 10)
}

func writeUint[T uint8 | uint16 | uint32 | uint64](dst []byte, v *vector, row int) []byte {
	return strconv.AppendUint(dst, uint64(get[T](v, row)), 10)
}

// huge is a 128-bit number as DuckDB stores it; signed ones are in two's complement.
type huge struct{ low, high uint64 }

func (h huge) negative() bool { return int64(h.high) < 0 }

func (h huge) negated() huge {
	low, borrow := bits.Sub64(0, h.low, 0)
	high, _ := bits.Sub64(0, h.high, borrow)
	return huge{low, high}
}

func appendHuge(dst []byte, h huge) []byte {
	if h.negative() {
		return appendUhuge(append(dst, '-'), h.negated())
	}
	return appendUhuge(dst, h)
}

func appendUhuge(dst []byte, h huge) []byte {
	if h.high == 0 {
		return strconv.AppendUint(dst, h.low, 10)
	}
	n := new(big.Int).SetUint64(h.high)
	n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(h.low))
	return n.Append(dst, 10)
}

// writeDecimal puts the point into the stored whole number. A type that is all fraction has no digit before the point.
func writeDecimal(dst []byte, v *vector, row int) []byte {
	var h huge
	switch v.width {
	case 2:
		h = signed(int64(get[int16](v, row)))
	case 4:
		h = signed(int64(get[int32](v, row)))
	case 8:
		h = signed(get[int64](v, row))
	default:
		h = get[huge](v, row)
	}
	if h.negative() {
		dst, h = append(dst, '-'), h.negated()
	}
	if v.scale == 0 {
		return appendUhuge(dst, h)
	}
	var buf [48]byte
	digits := appendUhuge(buf[:0], h)
	for range min(v.scale+1, v.digits) - len(digits) {
		digits = append([]byte{'0'}, digits...)
	}
	point := len(digits) - v.scale
	dst = append(append(dst, digits[:point]...), '.')
	return append(dst, digits[point:]...)
}

func signed(n int64) huge { return huge{uint64(n), uint64(n >> 63)} }

// writeBignum reads DuckDB's number of any length: three bytes of sign and length, then the magnitude, highest byte first. A
// negative number has every bit inverted.
func writeBignum(dst []byte, v *vector, row int) []byte {
	stored := v.bytes(row)
	negative := stored[0]&0x80 == 0
	magnitude := append([]byte(nil), stored[3:]...)
	for i := range magnitude {
		if negative {
			magnitude[i] = ^magnitude[i]
		}
	}
	n := new(big.Int).SetBytes(magnitude)
	if negative {
		n.Neg(n)
	}
	return n.Append(dst, 10)
}

// appendFloat writes the fewest digits that read back, with a point or an exponent always.
func appendFloat(dst []byte, f float64, size int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	text := strconv.AppendFloat(nil, f, 'e', -1, size)
	exponent := 0
	for i := len(text) - 1; text[i] != 'e'; i-- {
		exponent, _ = strconv.Atoi(string(text[i:]))
	}
	if exponent < -4 || exponent >= 16 {
		return append(dst, text...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, size)
	for _, c := range dst[start:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// writeBlob shows printable ASCII as it is and every other byte as \xHH.
func writeBlob(dst []byte, v *vector, row int) []byte {
	for _, b := range v.bytes(row) {
		if b >= 32 && b <= 126 && b != '\\' && b != '\'' && b != '"' {
			dst = append(dst, b)
			continue
		}
		dst = append(dst, '\\', 'x', "0123456789ABCDEF"[b>>4], "0123456789ABCDEF"[b&15])
	}
	return dst
}

// writeBit skips the unused first bits of the first byte, whose number stands before it.
func writeBit(dst []byte, v *vector, row int) []byte {
	stored := v.bytes(row)
	for i := int(stored[0]); i < (len(stored)-1)*8; i++ {
		dst = append(dst, '0'+stored[1+i/8]>>(7-i%8)&1)
	}
	return dst
}

func writeEnum(dst []byte, v *vector, row int) []byte {
	var place int
	switch v.width {
	case 1:
		place = int(get[uint8](v, row))
	case 2:
		place = int(get[uint16](v, row))
	default:
		place = int(get[uint32](v, row))
	}
	return append(dst, v.words[place]...)
}

// writeUUID turns the first bit back, which DuckDB flips so that UUIDs sort as numbers.
func writeUUID(dst []byte, v *vector, row int) []byte {
	h := get[huge](v, row)
	var raw [16]byte
	for i := range 8 {
		raw[i] = byte((h.high ^ 1<<63) >> (56 - 8*i))
		raw[8+i] = byte(h.low >> (56 - 8*i))
	}
	for i, part := range [][]byte{raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// The stored values of infinite dates and timestamps.
const (
	endOfDays    = math.MaxInt32
	endOfInstant = math.MaxInt64
)

func writeDate(dst []byte, v *vector, row int) []byte {
	days := get[int32](v, row)
	switch days {
	case endOfDays:
		return append(dst, "infinity"...)
	case -endOfDays:
		return append(dst, "-infinity"...)
	}
	return appendDay(dst, int64(days))
}

// appendDay writes a day counted from 1970. There is no year 0: the year before 1 is 1 BC.
func appendDay(dst []byte, days int64) []byte {
	year, month, day := time.Unix(days*86400, 0).UTC().Date()
	era := ""
	if year <= 0 {
		year, era = 1-year, " (BC)"
	}
	for limit := 1000; limit > year; limit /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(year), 10)
	dst = appendTwo(append(dst, '-'), int64(month))
	return append(appendTwo(append(dst, '-'), int64(day)), era...)
}

func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendClock writes a time of day counted in units of 10^-digits seconds, with the fraction's trailing zeros left out.
func appendClock(dst []byte, units int64, digits int) []byte {
	second := int64(math.Pow10(digits))
	whole, fraction := units/second, units%second
	dst = appendTwo(dst, whole/3600)
	dst = appendTwo(append(dst, ':'), whole/60%60)
	dst = appendTwo(append(dst, ':'), whole%60)
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := second / 10; fraction > 0; unit /= 10 {
		dst = append(dst, byte('0'+fraction/unit))
		fraction %= unit
	}
	return dst
}

// writeTimeTZ reads microseconds above 24 bits of offset, which is stored as its distance from 15:59:59.
func writeTimeTZ(dst []byte, v *vector, row int) []byte {
	stored := get[uint64](v, row)
	dst = appendClock(dst, int64(stored>>24), 6)
	offset := 16*3600 - 1 - int64(stored&(1<<24-1))
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = appendTwo(append(dst, sign), offset/3600)
	if offset%3600 != 0 {
		dst = appendTwo(append(dst, ':'), offset/60%60)
	}
	if offset%60 != 0 {
		dst = appendTwo(append(dst, ':'), offset%60)
	}
	return dst
}

// writeTimestamp writes an instant counted from 1970 in units of 10^-digits seconds.
func writeTimestamp(digits int, zone string) func([]byte, *vector, int) []byte {
	day := 86400 * int64(math.Pow10(digits))
	return func(dst []byte, v *vector, row int) []byte {
		units := get[int64](v, row)
		switch units {
		case endOfInstant:
			return append(dst, "infinity"...)
		case -endOfInstant:
			return append(dst, "-infinity"...)
		}
		days, rest := units/day, units%day
		if rest < 0 {
			days, rest = days-1, rest+day
		}
		dst = appendClock(append(appendDay(dst, days), ' '), rest, digits)
		return append(dst, zone...)
	}
}

// writeInterval writes years, months and days in words and the rest as a clock, each only where it is not zero.
func writeInterval(dst []byte, v *vector, row int) []byte {
	i := get[struct {
		months, days int32
		micros       int64
	}](v, row)
	start := len(dst)
	part := func(n int32, word string) {
		if n == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(strconv.AppendInt(dst, int64(n), 10), word...)
		if n != 1 && n != -1 {
			dst = append(dst, 's')
		}
	}
	part(i.months/12, " year")
	part(i.months%12, " month")
	part(i.days, " day")
	if i.micros == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	micros := i.micros
	if micros < 0 {
		dst, micros = append(dst, '-'), -micros
	}
	return appendLongClock(dst, micros)
}

// appendLongClock is appendClock for an interval's time, whose hours may have more than two digits.
func appendLongClock(dst []byte, micros int64) []byte {
	hours := micros / 3_600_000_000
	if hours < 100 {
		return appendClock(dst, micros, 6)
	}
	dst = strconv.AppendInt(dst, hours, 10)
	return append(dst, appendClock(nil, micros%3_600_000_000, 6)[2:]...)
}
