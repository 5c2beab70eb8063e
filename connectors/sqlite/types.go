package sqlite

import (
	"strings"

	"patchbay/catalog"
)

// family sorts a declared type. SQLite takes any words as a type: the names that people use come first, then its own rules for
// a column's affinity (sqlite.org/datatype3.html, section 3.1).
func family(declared string) catalog.Family {
	name, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(declared)), "(")
	if f, ok := families[strings.TrimSpace(name)]; ok {
		return f
	}
	for _, rule := range affinities {
		if strings.Contains(name, rule.word) {
			return rule.family
		}
	}
	return catalog.FamilyOther
}

var families = map[string]catalog.Family{
	"BOOL": catalog.FamilyBool, "BOOLEAN": catalog.FamilyBool,
	"DATE": catalog.FamilyDate, "TIME": catalog.FamilyTime,
	"DATETIME": catalog.FamilyDateTime, "TIMESTAMP": catalog.FamilyDateTime, "TIMESTAMPTZ": catalog.FamilyDateTime,
	"DECIMAL": catalog.FamilyDecimal, "NUMERIC": catalog.FamilyDecimal, "MONEY": catalog.FamilyDecimal,
	"JSON": catalog.FamilyJSON, "JSONB": catalog.FamilyJSON, "UUID": catalog.FamilyUUID, "GUID": catalog.FamilyUUID,
}

var affinities = []struct {
	word   string
	family catalog.Family
}{
	{"INT", catalog.FamilyInteger},
	{"CHAR", catalog.FamilyText}, {"CLOB", catalog.FamilyText}, {"TEXT", catalog.FamilyText},
	{"BLOB", catalog.FamilyBinary},
	{"REAL", catalog.FamilyFloat}, {"FLOA", catalog.FamilyFloat}, {"DOUB", catalog.FamilyFloat},
}
