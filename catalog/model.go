// Package catalog models what is known of a connection's databases, schemas, tables and columns, and decides how one reading
// of a source differs from the one before. It is pure: no I/O, no clock, no knowledge of any product.
package catalog

import (
	"net/url"
	"strings"
)

// A Level is one tier of the tree that a product has. Levels that a product lacks are absent from its connector, never faked.
type Level string

// The levels, outermost first.
const (
	LevelDatabase Level = "database"
	LevelSchema   Level = "schema"
	LevelTable    Level = "table"
	LevelColumn   Level = "column"
)

// A Path names an object by its parts, outermost first, in the levels of its connector: database, schema, table for
// PostgreSQL; database, table for MySQL; table alone for SQLite. Parts are the names as the source spells them, byte for byte.
type Path []string

// String is the path as the API writes it: parts URL-encoded and joined by a slash. ParsePath reads it back.
func (p Path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = url.PathEscape(s)
	}
	return strings.Join(parts, "/")
}

// Name is the last part: the object's own name. The empty path has the empty name.
func (p Path) Name() string {
	if len(p) == 0 {
		return ""
	}
	return p[len(p)-1]
}

// Parent is the path without its last part. The parent of the empty path is the empty path.
func (p Path) Parent() Path {
	if len(p) == 0 {
		return nil
	}
	return p[:len(p)-1]
}

// ParsePath reads what Path.String wrote. The empty string is the empty path.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return nil, nil
	}
	raw := strings.Split(s, "/")
	p := make(Path, len(raw))
	for i, part := range raw {
		name, err := url.PathUnescape(part)
		if err != nil {
			return nil, err
		}
		p[i] = name
	}
	return p, nil
}

// ParseTablePath is ParsePath for the path of a table, which has one part at least: the empty string is a table without a name, as
// SQLite allows, of a product that has no other level.
func ParseTablePath(s string) (Path, error) {
	if s == "" {
		return Path{""}, nil
	}
	return ParsePath(s)
}

// A Kind says what sort of table an object is.
type Kind string

// The kinds of table.
const (
	KindTable            Kind = "table"
	KindView             Kind = "view"
	KindMaterializedView Kind = "materialized_view"
	KindExternal         Kind = "external"
	KindForeign          Kind = "foreign"
	KindPartitioned      Kind = "partitioned" // a parent whose rows live in partitions
)

// A Family is the normal form of a declared type: it chooses an icon, an alignment and a JSON form, and loses nothing,
// since the declared type stands beside it.
type Family string

// The type families.
const (
	FamilyInteger  Family = "integer"
	FamilyDecimal  Family = "decimal"
	FamilyFloat    Family = "float"
	FamilyText     Family = "text"
	FamilyBool     Family = "bool"
	FamilyDate     Family = "date"
	FamilyTime     Family = "time"
	FamilyDateTime Family = "datetime"
	FamilyInterval Family = "interval"
	FamilyBinary   Family = "binary"
	FamilyJSON     Family = "json"
	FamilyUUID     Family = "uuid"
	FamilyArray    Family = "array"
	FamilyStruct   Family = "struct"
	FamilyGeo      Family = "geo"
	FamilyOther    Family = "other"
)

// RowsUnknown is the row estimate of a table whose source has none cheaply.
const RowsUnknown int64 = -1

// A Table is one table, view or similar object with its columns in their order.
type Table struct {
	Path       Path
	Kind       Kind
	Comment    string
	Rows       int64 // an estimate; RowsUnknown where the source has none
	Unreadable bool  // the connection's user can see it and cannot select from it
	Columns    []Column
}

// A Column is one column of a table. Its ordinal is its place in Table.Columns, from 1.
type Column struct {
	Name       string
	Type       string // as declared, in the product's own words
	Family     Family
	Nullable   bool
	Default    string // the expression's text; empty where there is none
	Comment    string
	PrimaryKey int  // 1-based place in the primary key; 0 where it is no part of it
	References *Ref // the target of a foreign key; nil where there is none
}

// A Ref is the column that a foreign key points to.
type Ref struct {
	Table  Path
	Column string
}

// A Sink takes one reading of a source. It is called by one goroutine at a time. An error from Sink ends the reading.
//
// A scope counts as read only when Done is called for it: what is missing from a scope that is done is gone; what is missing
// from any other scope is unknown, and stays as it was. The empty path is the scope of the whole source.
// Done for a scope says that everything below it, except what lies in a Skipped scope, has been reported. A source that lists only
// what its user has a right to says it of no more than what would be listed if it were there.
type Sink interface {
	Table(Table) error
	Done(scope Path) error
	Skipped(scope Path, why error) error
}
