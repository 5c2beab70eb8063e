package mysql

import (
	"strings"

	"patchbay/catalog"
)

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
	"mediumblob": catalog.FamilyBinary, "longblob": catalog.FamilyBinary, "bit": catalog.FamilyBinary,
	"json": catalog.FamilyJSON, "uuid": catalog.FamilyUUID,
	"geometry": catalog.FamilyGeo, "point": catalog.FamilyGeo, "linestring": catalog.FamilyGeo, "polygon": catalog.FamilyGeo,
	"multipoint": catalog.FamilyGeo, "multilinestring": catalog.FamilyGeo, "multipolygon": catalog.FamilyGeo, "geometrycollection": catalog.FamilyGeo,
	"geomcollection": catalog.FamilyGeo,
}

// family is the normal form of a type such as "bigint(20) unsigned" or "unsigned bigint". tinyint(1) is what BOOLEAN is
// stored as, and what people mean by it.
func family(declared string) catalog.Family {
	t := strings.TrimPrefix(strings.ToLower(declared), "unsigned ")
	if strings.HasPrefix(t, "tinyint(1)") {
		return catalog.FamilyBool
	}
	word := t
	if i := strings.IndexAny(t, " ("); i >= 0 {
		word = t[:i]
	}
	if f, ok := families[word]; ok {
		return f
	}
	return catalog.FamilyOther
}
