package duckdb

import (
	"fmt"
	"strings"
	"unsafe"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/catalog"
)

// A column is what a result's column holds: its type, and how a value of it is written. Nested types have columns below them.
type column struct {
	name     string // of the type, as DuckDB's typeof writes it
	kind     engine.Type
	write    func(dst []byte, v *vector, row int) []byte
	digits   int      // DECIMAL: all digits
	scale    int      // DECIMAL: digits behind the point
	width    int      // DECIMAL: bytes of a stored number; ENUM: bytes of a stored place
	words    []string // ENUM: the values; STRUCT and UNION: the names of the members
	size     int      // ARRAY: elements of a value
	children []*column
}

// nested says that the text of a value is made of the text of others: it needs no quotes to tell where it ends.
func (c *column) nested() bool {
	if c.name == "JSON" {
		return true
	}
	switch c.kind {
	case engine.TypeList, engine.TypeArray, engine.TypeStruct, engine.TypeMap, engine.TypeUnion:
		return true
	}
	return false
}

// newColumn reads a logical type and destroys it.
func newColumn(t engine.LogicalType) (*column, error) {
	defer engine.DestroyLogicalType(&t)
	c := &column{kind: engine.GetTypeId(t)}
	var err error
	switch c.kind {
	case engine.TypeDecimal:
		c.digits, c.scale = int(engine.DecimalWidth(t)), int(engine.DecimalScale(t))
		c.width = widths[engine.DecimalInternalType(t)]
		c.name, c.write = fmt.Sprintf("DECIMAL(%d,%d)", c.digits, c.scale), writeDecimal
	case engine.TypeEnum:
		c.enum(t)
	case engine.TypeList:
		c.write = writeList
		err = c.child(engine.ListTypeChildType(t))
		c.name = c.childName(0) + "[]"
	case engine.TypeArray:
		c.size, c.write = int(engine.ArrayTypeArraySize(t)), writeArray
		err = c.child(engine.ArrayTypeChildType(t))
		c.name = fmt.Sprintf("%s[%d]", c.childName(0), c.size)
	case engine.TypeMap:
		c.write = writeMap
		err = c.child(engine.MapTypeKeyType(t), engine.MapTypeValueType(t))
		c.name = fmt.Sprintf("MAP(%s, %s)", c.childName(0), c.childName(1))
	case engine.TypeStruct:
		err = c.members(t, "STRUCT", engine.StructTypeChildCount(t), engine.StructTypeChildName, engine.StructTypeChildType)
		c.write = writeStruct
	case engine.TypeUnion:
		err = c.members(t, "UNION", engine.UnionTypeMemberCount(t), engine.UnionTypeMemberName, engine.UnionTypeMemberType)
		c.write = writeUnion
	default:
		plain, known := scalars[c.kind]
		if !known {
			return nil, fmt.Errorf("read a column: its type has no text here")
		}
		c.name, c.write = plain.name, plain.write
	}
	if alias := engine.LogicalTypeGetAlias(t); alias != "" {
		c.name = alias
	}
	return c, err
}

// child adds the columns of the elements of a nested type.
func (c *column) child(types ...engine.LogicalType) error {
	for _, t := range types {
		below, err := newColumn(t)
		if err != nil {
			return err
		}
		c.children = append(c.children, below)
	}
	return nil
}

func (c *column) childName(i int) string {
	if i >= len(c.children) {
		return ""
	}
	return c.children[i].name
}

// members reads the named members of a struct or union.
func (c *column) members(t engine.LogicalType, word string, count engine.IdxT, name func(engine.LogicalType, engine.IdxT) string,
	member func(engine.LogicalType, engine.IdxT) engine.LogicalType,
) error {
	parts := make([]string, count)
	for i := range count {
		if err := c.child(member(t, i)); err != nil {
			return err
		}
		c.words = append(c.words, name(t, i))
		parts[i] = strings.TrimSpace(quoteName(c.words[i]) + " " + c.children[i].name)
	}
	c.name = word + "(" + strings.Join(parts, ", ") + ")"
	return nil
}

// quoteName quotes a name where it would not read back as one; the member of an unnamed struct has none.
func quoteName(name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
	}
	return name
}

func (c *column) enum(t engine.LogicalType) {
	quoted := make([]string, engine.EnumDictionarySize(t))
	for i := range quoted {
		word := engine.EnumDictionaryValue(t, engine.IdxT(i))
		c.words = append(c.words, word)
		quoted[i] = "'" + strings.ReplaceAll(word, "'", "''") + "'"
	}
	c.width, c.write = widths[engine.EnumInternalType(t)], writeEnum
	c.name = "ENUM(" + strings.Join(quoted, ", ") + ")"
}

// widths are the bytes of the numbers that decimals and enums are stored as.
var widths = map[engine.Type]int{
	engine.TypeUTinyInt: 1, engine.TypeUSmallInt: 2, engine.TypeUInteger: 4,
	engine.TypeSmallInt: 2, engine.TypeInteger: 4, engine.TypeBigInt: 8, engine.TypeHugeInt: 16,
}

// family sorts a type by its name, as results and duckdb_columns write it.
func family(name string) catalog.Family {
	if strings.HasSuffix(name, "]") {
		return catalog.FamilyArray
	}
	name, _, _ = strings.Cut(name, "(")
	if f, ok := families[strings.ToUpper(name)]; ok {
		return f
	}
	return catalog.FamilyOther
}

var families = map[string]catalog.Family{
	"BOOLEAN": catalog.FamilyBool,
	"TINYINT": catalog.FamilyInteger, "SMALLINT": catalog.FamilyInteger, "INTEGER": catalog.FamilyInteger, "BIGINT": catalog.FamilyInteger,
	"UTINYINT": catalog.FamilyInteger, "USMALLINT": catalog.FamilyInteger, "UINTEGER": catalog.FamilyInteger, "UBIGINT": catalog.FamilyInteger,
	"HUGEINT": catalog.FamilyInteger, "UHUGEINT": catalog.FamilyInteger, "BIGNUM": catalog.FamilyInteger,
	"DECIMAL": catalog.FamilyDecimal, "FLOAT": catalog.FamilyFloat, "DOUBLE": catalog.FamilyFloat,
	"VARCHAR": catalog.FamilyText, "ENUM": catalog.FamilyText, "BIT": catalog.FamilyOther,
	"BLOB": catalog.FamilyBinary, "DATE": catalog.FamilyDate,
	"TIME": catalog.FamilyTime, "TIME_NS": catalog.FamilyTime, "TIME WITH TIME ZONE": catalog.FamilyTime,
	"TIMESTAMP": catalog.FamilyDateTime, "TIMESTAMP_S": catalog.FamilyDateTime, "TIMESTAMP_MS": catalog.FamilyDateTime,
	"TIMESTAMP_NS": catalog.FamilyDateTime, "TIMESTAMP WITH TIME ZONE": catalog.FamilyDateTime,
	"INTERVAL": catalog.FamilyInterval, "UUID": catalog.FamilyUUID, "JSON": catalog.FamilyJSON, "VARIANT": catalog.FamilyJSON,
	"STRUCT": catalog.FamilyStruct, "MAP": catalog.FamilyStruct, "UNION": catalog.FamilyOther, "GEOMETRY": catalog.FamilyGeo,
}

// A vector is the values of a column in one chunk. Its memory is DuckDB's, and lives as long as the chunk.
type vector struct {
	*column
	data     unsafe.Pointer
	valid    unsafe.Pointer // a bit a row, nil where no row is NULL
	children []*vector
}

func newVector(c *column, v engine.Vector) *vector {
	vec := &vector{column: c, data: engine.VectorGetData(v), valid: engine.VectorGetValidity(v)}
	switch c.kind {
	case engine.TypeList:
		vec.children = []*vector{newVector(c.children[0], engine.ListVectorGetChild(v))}
	case engine.TypeArray:
		vec.children = []*vector{newVector(c.children[0], engine.ArrayVectorGetChild(v))}
	case engine.TypeMap: // a list of structs of key and value
		pairs := engine.ListVectorGetChild(v)
		for i, below := range c.children {
			vec.children = append(vec.children, newVector(below, engine.StructVectorGetChild(pairs, engine.IdxT(i))))
		}
	case engine.TypeStruct:
		for i, below := range c.children {
			vec.children = append(vec.children, newVector(below, engine.StructVectorGetChild(v, engine.IdxT(i))))
		}
	case engine.TypeUnion: // a struct of the tag and the members
		tag := &column{kind: engine.TypeUTinyInt}
		vec.children = append(vec.children, newVector(tag, engine.StructVectorGetChild(v, 0)))
		for i, below := range c.children {
			vec.children = append(vec.children, newVector(below, engine.StructVectorGetChild(v, engine.IdxT(i+1))))
		}
	}
	return vec
}

// null reads the validity mask: a bit per row in words of 64.
func (v *vector) null(row int) bool {
	return v.valid != nil && *at[uint64](v.valid, row/64)&(1<<(row%64)) == 0
}

// at is the address of a value in an array of DuckDB's.
func at[T any](data unsafe.Pointer, i int) *T {
	var zero T
	return (*T)(unsafe.Add(data, uintptr(i)*unsafe.Sizeof(zero)))
}

func get[T any](v *vector, row int) T { return *at[T](v.data, row) }

// inlineLength is how many bytes duckdb_string_t holds itself; longer strings are behind a pointer (duckdb.h).
const inlineLength = 12

// bytes are those of a string or blob. The slice is DuckDB's own memory.
func (v *vector) bytes(row int) []byte {
	s := unsafe.Pointer(at[[16]byte](v.data, row))
	length := int(*(*uint32)(s))
	if length <= inlineLength {
		return unsafe.Slice((*byte)(unsafe.Add(s, 4)), length)
	}
	return unsafe.Slice(*(**byte)(unsafe.Add(s, 8)), length)
}
