package postgres

import (
	"context"
	_ "embed" // the queries stand beside this file
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"

	"patchbay/catalog"
	"patchbay/connectors"
)

// The types that this code names. https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	oidBool        = 16
	oidInt8        = 20
	oidInt4        = 23
	oidText        = 25
	oidFloat8      = 701
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidTimetz      = 1266
	oidBit         = 1560
	oidVarbit      = 1562
	oidNumeric     = 1700

	// firstUserOID is the first that objects made by users get; those below are the same on every server of a version.
	firstUserOID = 16384
)

// builtin are the types that nearly every column has, so that the server need not be asked for their names.
var builtin = map[uint32]typeInfo{
	oidBool: {"boolean", catalog.FamilyBool}, 17: {"bytea", catalog.FamilyBinary}, 18: {`"char"`, catalog.FamilyText}, 19: {"name", catalog.FamilyText},
	oidInt8: {"bigint", catalog.FamilyInteger}, 21: {"smallint", catalog.FamilyInteger}, oidInt4: {"integer", catalog.FamilyInteger},
	oidText: {"text", catalog.FamilyText}, 26: {"oid", catalog.FamilyInteger}, 114: {"json", catalog.FamilyJSON}, 142: {"xml", catalog.FamilyText},
	700: {"real", catalog.FamilyFloat}, oidFloat8: {"double precision", catalog.FamilyFloat}, 790: {"money", catalog.FamilyDecimal},
	oidBpchar: {"character", catalog.FamilyText}, oidVarchar: {"character varying", catalog.FamilyText}, 1082: {"date", catalog.FamilyDate},
	oidTime: {"time without time zone", catalog.FamilyTime}, oidTimetz: {"time with time zone", catalog.FamilyTime},
	oidTimestamp: {"timestamp without time zone", catalog.FamilyDateTime}, oidTimestamptz: {"timestamp with time zone", catalog.FamilyDateTime},
	oidInterval: {"interval", catalog.FamilyInterval}, oidBit: {"bit", catalog.FamilyOther}, oidVarbit: {"bit varying", catalog.FamilyOther},
	oidNumeric: {"numeric", catalog.FamilyDecimal}, 2950: {"uuid", catalog.FamilyUUID}, 3802: {"jsonb", catalog.FamilyJSON},
}

// arrays are the array types of builtin.
var arrays = map[uint32]uint32{
	1000: oidBool, 1001: 17, 1002: 18, 1003: 19, 1005: 21, 1007: oidInt4, 1009: oidText, 1014: oidBpchar, 1015: oidVarchar, 1016: oidInt8, 1021: 700,
	1022: oidFloat8, 1028: 26, 143: 142, 199: 114, 791: 790, 1115: oidTimestamp, 1182: 1082, 1183: oidTime, 1185: oidTimestamptz, 1187: oidInterval,
	1231: oidNumeric, 1270: oidTimetz, 1561: oidBit, 1563: oidVarbit, 2951: 2950, 3807: 3802,
}

// A typeInfo is what people see of a type.
type typeInfo struct {
	name   string
	family catalog.Family
}

type typeKey struct {
	database string
	oid      uint32
	mod      int32
}

// declared is a built-in type as format_type writes it, with what its modifier says; false for any other type.
func declared(oid uint32, mod int32) (typeInfo, bool) {
	if t, ok := builtin[oid]; ok {
		if mod >= 0 || oid == oidBpchar || oid == oidBit {
			t.name = modified(oid, mod, t.name)
		}
		return t, true
	}
	if of, ok := arrays[oid]; ok {
		t, _ := declared(of, mod)
		return typeInfo{t.name + "[]", catalog.FamilyArray}, true
	}
	return typeInfo{}, false
}

// modified writes a type's modifier as the typmodout functions of the server do.
func modified(oid uint32, mod int32, name string) string {
	switch oid {
	case oidBpchar:
		if mod < 0 {
			return "bpchar" // character alone means character(1)
		}
		return fmt.Sprintf("%s(%d)", name, mod-4)
	case oidVarchar:
		return fmt.Sprintf("%s(%d)", name, mod-4)
	case oidBit:
		if mod < 0 {
			return `"bit"` // bit alone means bit(1)
		}
		return fmt.Sprintf("%s(%d)", name, mod)
	case oidVarbit:
		return fmt.Sprintf("%s(%d)", name, mod)
	case oidNumeric:
		scale := (int32(mod-4)&0x7ff ^ 1024) - 1024 // 11 bits, signed since version 15
		return fmt.Sprintf("numeric(%d,%d)", (mod-4)>>16&0xffff, scale)
	case oidTime, oidTimetz, oidTimestamp, oidTimestamptz:
		first, rest, _ := strings.Cut(name, " ")
		return fmt.Sprintf("%s(%d) %s", first, mod, rest)
	case oidInterval:
		return "interval" + intervalFields(mod)
	}
	return name
}

// intervalRanges are the fields that a modifier limits an interval to: a bit for each.
// https://github.com/postgres/postgres/blob/master/src/include/utils/datetime.h
var intervalRanges = map[int32]string{
	1 << 2: " year", 1 << 1: " month", 1 << 3: " day", 1 << 10: " hour", 1 << 11: " minute", 1 << 12: " second",
	1<<2 | 1<<1: " year to month", 1<<3 | 1<<10: " day to hour", 1<<3 | 1<<10 | 1<<11: " day to minute",
	1<<3 | 1<<10 | 1<<11 | 1<<12: " day to second", 1<<10 | 1<<11: " hour to minute", 1<<10 | 1<<11 | 1<<12: " hour to second", 1<<11 | 1<<12: " minute to second",
}

func intervalFields(mod int32) string {
	fields := intervalRanges[mod>>16&0x7fff]
	if precision := mod & 0xffff; precision != 0xffff {
		fields += fmt.Sprintf("(%d)", precision)
	}
	return fields
}

// family is the normal form of a type that is not built in here, by what pg_type says of it.
func family(name string, kind, category byte) catalog.Family {
	switch {
	case category == 'A':
		return catalog.FamilyArray
	case kind == 'c':
		return catalog.FamilyStruct
	case kind == 'e' || category == 'S':
		return catalog.FamilyText
	}
	switch name {
	case "geometry", "geography", "point", "line", "lseg", "box", "path", "polygon", "circle":
		return catalog.FamilyGeo
	}
	return catalog.FamilyOther
}

//go:embed sql/result_types.sql
var resultTypesSQL string

// describe names the columns of an answer. Types that are not built in are asked for once, on another connection: this one is
// busy with the answer.
func (s *source) describe(ctx context.Context, database string, fields []pgproto3.FieldDescription) ([]connectors.Column, error) {
	infos := make([]typeInfo, len(fields))
	var missing []typeKey
	for i, f := range fields {
		key := typeKey{database, f.DataTypeOID, f.TypeModifier}
		t, ok := declared(key.oid, key.mod)
		if !ok {
			t, ok = s.knownType(key)
		}
		if !ok {
			missing = append(missing, key)
		}
		infos[i] = t
	}
	if len(missing) > 0 {
		if err := s.learnTypes(ctx, database, missing); err != nil {
			return nil, fmt.Errorf("look up types: %w", err)
		}
	}
	columns := make([]connectors.Column, len(fields))
	for i, f := range fields {
		if infos[i].name == "" {
			infos[i], _ = s.knownType(typeKey{database, f.DataTypeOID, f.TypeModifier})
		}
		columns[i] = connectors.Column{Name: string(f.Name), Type: infos[i].name, Family: infos[i].family}
	}
	return columns, nil
}

func (s *source) knownType(key typeKey) (typeInfo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.types[key]
	return t, ok
}

// learnTypes asks on a connection beside the sessions, so that as many answers as there are sessions cannot wait for one
// another.
func (s *source) learnTypes(ctx context.Context, database string, keys []typeKey) error {
	conn, err := s.connect(ctx, database)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, ownNamesOnly).ReadAll(); err != nil {
		return err
	}
	oids, mods := make([]string, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		oids[i], mods[i] = fmt.Sprint(key.oid), fmt.Sprint(key.mod)
	}
	answer := conn.ExecParams(ctx, resultTypesSQL, [][]byte{arrayLiteral(oids), arrayLiteral(mods)}, nil, nil, []int16{binaryFormat}).Read()
	if answer.Err != nil {
		return answer.Err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range answer.Rows {
		key := typeKey{database, binary.BigEndian.Uint32(row[0]), int32(binary.BigEndian.Uint32(row[1]))}
		s.types[key] = typeInfo{unqualified(string(row[2])), family(string(row[3]), row[4][0], row[5][0])}
	}
	return nil
}

// ownNamesOnly keeps what people put into other schemas from standing in for the functions and operators that our own queries
// name, and makes the server qualify the name of every type that is not its own.
const ownNamesOnly = "set search_path = pg_catalog, pg_temp"

// unqualified drops the schema that goes without saying.
func unqualified(name string) string { return strings.TrimPrefix(name, "public.") }
