package mysql

import (
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"

	"patchbay/catalog"
)

// typeName is a column's type in the product's words, as near as the driver tells.
func typeName(t *sql.ColumnType) string {
	name := strings.ToLower(t.DatabaseTypeName())
	if number, unsigned := strings.CutPrefix(name, "unsigned "); unsigned {
		return number + " unsigned"
	}
	precision, scale, ok := t.DecimalSize()
	switch {
	case ok && name == "decimal":
		return fmt.Sprintf("decimal(%d,%d)", precision, scale)
	case ok && scale > 0 && (name == "time" || name == "datetime" || name == "timestamp"):
		return fmt.Sprintf("%s(%d)", name, scale)
	}
	return name
}

// A real writes the cells of a FLOAT or DOUBLE column as the server does; the driver hands them over as numbers.
type real struct {
	single bool
	places int // declared decimals; -1: none
}

// realOf is how the cells of a column are written; nil where the driver hands over what the server wrote.
func realOf(t *sql.ColumnType) *real {
	name := t.DatabaseTypeName()
	if name != "FLOAT" && name != "DOUBLE" {
		return nil
	}
	r := &real{single: name == "FLOAT", places: -1}
	if _, scale, ok := t.DecimalSize(); ok && scale != math.MaxInt64 {
		r.places = int(scale)
	}
	return r
}

// append writes a number with its declared decimals; else with the fewest digits that give the same number back, six at most for
// a FLOAT, and with an exponent where 15 places would not do.
func (r *real) append(to []byte, v float64) []byte {
	if r.places >= 0 {
		return strconv.AppendFloat(to, v, 'f', r.places, 64)
	}
	precision := -1
	if r.single {
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

// families maps the first word of a type, as the catalog or the protocol names it, to its normal form.
var families = map[string]catalog.Family{
	"tinyint": catalog.FamilyInteger, "smallint": catalog.FamilyInteger, "mediumint": catalog.FamilyInteger, "int": catalog.FamilyInteger,
	"integer": catalog.FamilyInteger, "bigint": catalog.FamilyInteger, "year": catalog.FamilyInteger,
	"decimal": catalog.FamilyDecimal, "numeric": catalog.FamilyDecimal,
	"float": catalog.FamilyFloat, "double": catalog.FamilyFloat, "real": catalog.FamilyFloat,
	"char": catalog.FamilyText, "varchar": catalog.FamilyText, "tinytext": catalog.FamilyText, "text": catalog.FamilyText,
	"mediumtext": catalog.FamilyText, "longtext": catalog.FamilyText, "enum": catalog.FamilyText, "set": catalog.FamilyText,
	"inet4": catalog.FamilyText, "inet6": catalog.FamilyText,
	"date": catalog.FamilyDate, "time": catalog.FamilyTime, "datetime": catalog.FamilyDateTime, "timestamp": catalog.FamilyDateTime,
	"binary": catalog.FamilyBinary, "varbinary": catalog.FamilyBinary, "tinyblob": catalog.FamilyBinary, "blob": catalog.FamilyBinary,
	"mediumblob": catalog.FamilyBinary, "longblob": catalog.FamilyBinary, "bit": catalog.FamilyBinary, "vector": catalog.FamilyBinary,
	"json": catalog.FamilyJSON, "uuid": catalog.FamilyUUID,
	"geometry": catalog.FamilyGeo, "point": catalog.FamilyGeo, "linestring": catalog.FamilyGeo, "polygon": catalog.FamilyGeo,
	"multipoint": catalog.FamilyGeo, "multilinestring": catalog.FamilyGeo, "multipolygon": catalog.FamilyGeo, "geometrycollection": catalog.FamilyGeo,
	"geomcollection": catalog.FamilyGeo,
}

// family is the normal form of a type such as "bigint(20) unsigned". tinyint(1) is what BOOLEAN is stored as, and what people
// mean by it.
func family(declared string) catalog.Family {
	if declared == "tinyint(1)" {
		return catalog.FamilyBool
	}
	word := declared
	if i := strings.IndexAny(declared, " ("); i >= 0 {
		word = declared[:i]
	}
	if f, ok := families[word]; ok {
		return f
	}
	return catalog.FamilyOther
}
