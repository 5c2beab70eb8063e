package mysql

import (
	"fmt"
	"strings"

	"patchbay/catalog"
)

// The types of the protocol. https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
const (
	kindDecimal    = 0
	kindTiny       = 1
	kindShort      = 2
	kindLong       = 3
	kindFloat      = 4
	kindDouble     = 5
	kindNull       = 6
	kindTimestamp  = 7
	kindLongLong   = 8
	kindInt24      = 9
	kindDate       = 10
	kindTime       = 11
	kindDateTime   = 12
	kindYear       = 13
	kindBit        = 16
	kindVector     = 242
	kindJSON       = 245
	kindNewDecimal = 246
	kindTinyBlob   = 249
	kindMediumBlob = 250
	kindLongBlob   = 251
	kindBlob       = 252
	kindVarString  = 253
	kindString     = 254
	kindGeometry   = 255
)

// Flags of a column.
const (
	flagUnsigned = 1 << 5
	flagZeroFill = 1 << 6
	flagEnum     = 1 << 8
	flagSet      = 1 << 11
)

// charsetBinary is the character set of what is no text.
const charsetBinary = 63

// plain are the names of types that need nothing added.
var plain = map[byte]string{
	kindFloat: "float", kindDouble: "double", kindNull: "null", kindDate: "date", kindYear: "year", kindJSON: "json", kindGeometry: "geometry", kindVector: "vector",
	kindTiny: "tinyint", kindShort: "smallint", kindInt24: "mediumint", kindLong: "int", kindLongLong: "bigint",
	kindTime: "time", kindDateTime: "datetime", kindTimestamp: "timestamp",
}

// describe is a column's type in the product's words, as near as the protocol tells, and its family.
func (d *definition) describe() (string, catalog.Family) {
	name := d.typeName()
	return name, family(name)
}

func (d *definition) typeName() string {
	switch d.kind {
	case kindTiny, kindShort, kindInt24, kindLong, kindLongLong:
		return d.integerName()
	case kindDecimal, kindNewDecimal:
		return d.decimalName()
	case kindTime, kindDateTime, kindTimestamp:
		if d.decimals > 0 && d.decimals <= 6 {
			return fmt.Sprintf("%s(%d)", plain[d.kind], d.decimals)
		}
	case kindBit:
		return fmt.Sprintf("bit(%d)", d.length)
	case kindTinyBlob, kindMediumBlob, kindLongBlob, kindBlob:
		return d.lobName()
	}
	if name, ok := plain[d.kind]; ok {
		return name
	}
	switch {
	case d.flags&flagEnum != 0:
		return "enum"
	case d.flags&flagSet != 0:
		return "set"
	case d.kind == kindString && d.charset == charsetBinary:
		return "binary"
	case d.kind == kindString:
		return "char"
	case d.charset == charsetBinary:
		return "varbinary"
	}
	return "varchar"
}

func (d *definition) integerName() string {
	name := plain[d.kind]
	switch {
	case d.kind == kindTiny && d.length == 1:
		return "tinyint(1)" // what BOOLEAN is stored as
	case d.flags&flagZeroFill != 0:
		return fmt.Sprintf("%s(%d) unsigned zerofill", name, d.length)
	case d.flags&flagUnsigned != 0:
		return name + " unsigned"
	}
	return name
}

// decimalName takes the sign and the point from the length, which counts them.
func (d *definition) decimalName() string {
	digits := d.length
	if d.decimals > 0 {
		digits--
	}
	if d.flags&flagUnsigned == 0 {
		digits--
	}
	return fmt.Sprintf("decimal(%d,%d)", digits, d.decimals)
}

// lobName goes by the length: the protocol has one type for all four. Characters take four bytes.
func (d *definition) lobName() string {
	kind, width := "text", uint64(4)
	if d.charset == charsetBinary {
		kind, width = "blob", 1
	}
	switch n := uint64(d.length) / width; {
	case n <= 255:
		return "tiny" + kind
	case n <= 65535:
		return kind
	case n <= 16777215:
		return "medium" + kind
	}
	return "long" + kind
}

// bytes says whether the cells are bytes that are no text.
func (d *definition) bytes() bool {
	return d.family == catalog.FamilyBinary || d.family == catalog.FamilyGeo
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
