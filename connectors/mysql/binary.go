package mysql

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// The answers to prepared statements hold numbers and times in binary. They are written here as the server writes them in
// the answers to others. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html

// binaryRow takes the cells of one row.
func (a *answer) binaryRow(data []byte) error {
	c := cursor{rest: data[1:]}
	nulls := c.bytes(uint64(len(a.columns)+9) / 8)
	if data[0] != packetOK || c.short {
		return errMalformed
	}
	for i, d := range a.columns {
		if bit := i + 2; nulls[bit/8]&(1<<(bit%8)) != 0 {
			a.cells[i] = nil
			continue
		}
		if width, ok := widths[d.kind]; ok {
			a.own[i] = d.appendNumber(a.own[i][:0], c.number(width))
			a.cells[i] = a.own[i]
			continue
		}
		switch d.kind {
		case kindDate, kindDateTime, kindTimestamp, kindTime:
			n, _ := c.length()
			a.own[i] = d.appendTime(a.own[i][:0], c.bytes(n))
			a.cells[i] = a.own[i]
		default:
			a.cells[i] = c.text()
			if d.bytes() && a.cells[i] != nil {
				a.literal(i, a.cells[i])
			}
		}
	}
	if c.short || len(c.rest) > 0 {
		return errMalformed
	}
	return nil
}

// widths are the bytes that numbers take.
var widths = map[byte]uint64{kindTiny: 1, kindShort: 2, kindYear: 2, kindInt24: 4, kindLong: 4, kindLongLong: 8, kindFloat: 4, kindDouble: 8}

func (d *definition) appendNumber(to []byte, bits uint64) []byte {
	switch {
	case d.kind == kindFloat:
		return d.appendReal(to, float64(math.Float32frombits(uint32(bits))))
	case d.kind == kindDouble:
		return d.appendReal(to, math.Float64frombits(bits))
	case d.kind == kindYear:
		return fmt.Appendf(to, "%04d", bits)
	case d.flags&flagZeroFill != 0: // is unsigned
		return fmt.Appendf(to, "%0*d", min(int(d.length), 255), bits)
	case d.flags&flagUnsigned != 0:
		return strconv.AppendUint(to, bits, 10)
	}
	unused := 64 - 8*widths[d.kind]
	return strconv.AppendInt(to, int64(bits<<unused)>>unused, 10)
}

// notFixed is the number of decimals of a FLOAT or DOUBLE that was declared without one.
const notFixed = 31

// appendReal writes a FLOAT or DOUBLE as the server does: with its declared decimals; else with the fewest digits that give the
// same number back, six at most for a FLOAT, and with an exponent where 15 places would not do.
func (d *definition) appendReal(to []byte, v float64) []byte {
	if d.decimals < notFixed {
		return strconv.AppendFloat(to, v, 'f', int(d.decimals), 64)
	}
	precision := -1
	if d.kind == kindFloat {
		precision = 5 // behind the first digit
	}
	const most = 15
	text := strconv.AppendFloat(nil, v, 'e', precision, 64)
	mantissa, exponent := splitReal(text)
	point := exponent + 1 // digits before the decimal point
	digits := len(mantissa)
	if point >= 1-most && (point <= most || digits > point) {
		shortest, _ := strconv.ParseFloat(string(text), 64)
		return strconv.AppendFloat(to, shortest, 'f', -1, 64)
	}
	if v < 0 {
		to = append(to, '-')
	}
	to = append(to, mantissa[0])
	if digits > 1 {
		to = append(append(to, '.'), mantissa[1:]...)
	}
	return strconv.AppendInt(append(to, 'e'), int64(exponent), 10)
}

// splitReal takes a number such as -1.50e+07 apart: its digits without zeros at the end, and its exponent.
func splitReal(text []byte) (digits []byte, exponent int) {
	for i, b := range text {
		switch {
		case b == 'e':
			exponent, _ = strconv.Atoi(string(text[i+1:]))
			for len(digits) > 1 && digits[len(digits)-1] == '0' {
				digits = digits[:len(digits)-1]
			}
			return digits, exponent
		case b >= '0' && b <= '9':
			digits = append(digits, b)
		}
	}
	return []byte("0"), 0
}

// appendTime writes a date or time of any kind. Parts that are zero at the end are not sent.
func (d *definition) appendTime(to, sent []byte) []byte {
	var parts [12]byte
	copy(parts[:], sent)
	if d.kind == kindTime {
		if parts[0] != 0 {
			to = append(to, '-')
		}
		hours := binary.LittleEndian.Uint32(parts[1:])*24 + uint32(parts[5])
		to = fmt.Appendf(to, "%02d:%02d:%02d", hours, parts[6], parts[7])
		return d.appendFraction(to, binary.LittleEndian.Uint32(parts[8:]))
	}
	to = fmt.Appendf(to, "%04d-%02d-%02d", binary.LittleEndian.Uint16(parts[:]), parts[2], parts[3])
	if d.kind == kindDate {
		return to
	}
	to = fmt.Appendf(to, " %02d:%02d:%02d", parts[4], parts[5], parts[6])
	return d.appendFraction(to, binary.LittleEndian.Uint32(parts[7:]))
}

// appendFraction writes as many places of a second as the column has.
func (d *definition) appendFraction(to []byte, micros uint32) []byte {
	const most = 6
	switch {
	case d.decimals == 0 || d.decimals > most && micros == 0:
		return to
	case d.decimals > most:
		return fmt.Appendf(to, ".%06d", micros)
	}
	return append(to, fmt.Sprintf(".%06d", micros)[:1+d.decimals]...)
}
