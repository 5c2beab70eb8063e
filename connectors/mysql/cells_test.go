package mysql

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"patchbay/catalog"
	"patchbay/connectors"
)

// cells are values of every type: as a column is declared, what is put in, what must come out and as what.
var cells = []struct {
	declared, value, want, kind string
	family                      catalog.Family
}{
	{"tinyint", "-128", "-128", "tinyint", catalog.FamilyInteger},
	{"boolean", "true", "1", "tinyint", catalog.FamilyInteger},
	{"smallint unsigned", "65535", "65535", "smallint unsigned", catalog.FamilyInteger},
	{"mediumint", "-8388608", "-8388608", "mediumint", catalog.FamilyInteger},
	{"int", "-2147483648", "-2147483648", "int", catalog.FamilyInteger},
	{"bigint", "-9223372036854775808", "-9223372036854775808", "bigint", catalog.FamilyInteger},
	{"bigint unsigned", "18446744073709551615", "18446744073709551615", "bigint unsigned", catalog.FamilyInteger},
	{"decimal(65,30)", "12345678901234567890123456789012345.123456789012345678901234567890", "12345678901234567890123456789012345.123456789012345678901234567890", "decimal(65,30)", catalog.FamilyDecimal},
	{"decimal(5)", "-12345", "-12345", "decimal(5,0)", catalog.FamilyDecimal},
	{"float", "0.1", "0.1", "float", catalog.FamilyFloat},
	{"float", "16777216", "16777200", "float", catalog.FamilyFloat},
	{"float", "-3.4e38", "-3.4e38", "float", catalog.FamilyFloat},
	{"float(7,2)", "1.5", "1.50", "float", catalog.FamilyFloat},
	{"double", "0.1", "0.1", "double", catalog.FamilyFloat},
	{"double", "1e15", "1e15", "double", catalog.FamilyFloat},
	{"double", "1e14", "100000000000000", "double", catalog.FamilyFloat},
	{"double", "1234567890123456.7", "1234567890123456.8", "double", catalog.FamilyFloat},
	{"double", "1e-15", "0.000000000000001", "double", catalog.FamilyFloat},
	{"double", "1e-16", "1e-16", "double", catalog.FamilyFloat},
	{"double", "-1.7976931348623157e308", "-1.7976931348623157e308", "double", catalog.FamilyFloat},
	{"double", "5e-324", "5e-324", "double", catalog.FamilyFloat},
	{"double", "0", "0", "double", catalog.FamilyFloat},
	{"double(20,3)", "12345.6789", "12345.679", "double", catalog.FamilyFloat},
	{"bit(1)", "b'1'", "0x01", "bit", catalog.FamilyBinary},
	{"bit(12)", "b'101000000001'", "0x0a01", "bit", catalog.FamilyBinary},
	{"year", "2026", "2026", "year", catalog.FamilyInteger},
	{"year", "0", "0000", "year", catalog.FamilyInteger},
	{"date", "'2026-02-28'", "2026-02-28", "date", catalog.FamilyDate},
	{"date", "'0000-00-00'", "0000-00-00", "date", catalog.FamilyDate},
	{"date", "'2026-00-00'", "2026-00-00", "date", catalog.FamilyDate},
	{"time", "'-838:59:59'", "-838:59:59", "time", catalog.FamilyTime},
	{"time", "'00:00:00'", "00:00:00", "time", catalog.FamilyTime},
	{"time(6)", "'100:00:00.000001'", "100:00:00.000001", "time(6)", catalog.FamilyTime},
	{"datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00", "datetime", catalog.FamilyDateTime},
	{"datetime(3)", "'9999-12-31 23:59:59.999'", "9999-12-31 23:59:59.999", "datetime(3)", catalog.FamilyDateTime},
	{"timestamp(6) null", "'2026-11-23 17:29:00'", "2026-11-23 17:29:00.000000", "timestamp(6)", catalog.FamilyDateTime},
	{"char(5)", "'x'", "x", "char", catalog.FamilyText},
	{"varchar(20)", "'naïve 🦆'", "naïve 🦆", "varchar", catalog.FamilyText},
	{"varchar(20) character set latin1", "'naïve'", "naïve", "varchar", catalog.FamilyText},
	{"varchar(20)", "''", "", "varchar", catalog.FamilyText},
	{"tinytext", "'a'", "a", "text", catalog.FamilyText},
	{"text", "'a'", "a", "text", catalog.FamilyText},
	{"mediumtext", "'a'", "a", "text", catalog.FamilyText},
	{"longtext", "'a'", "a", "text", catalog.FamilyText},
	{"enum('a','b')", "'b'", "b", "enum", catalog.FamilyText},
	{"set('a','b','c')", "'c,a'", "a,c", "set", catalog.FamilyText},
	{"binary(3)", "x'00ff'", "0x00ff00", "binary", catalog.FamilyBinary},
	{"varbinary(3)", "x'00ff'", "0x00ff", "varbinary", catalog.FamilyBinary},
	{"tinyblob", "x'00ff'", "0x00ff", "blob", catalog.FamilyBinary},
	{"blob", "''", "0x", "blob", catalog.FamilyBinary},
	{"longblob", "x'00ff'", "0x00ff", "blob", catalog.FamilyBinary},
	{"json", `'{"b": 1.50, "a": [null]}'`, "", "", ""}, // each product writes it in its own way
	{"point", "st_geomfromtext('point(1 2)')", "0x000000000101000000000000000000f03f0000000000000040", "geometry", catalog.FamilyGeo},
	{"bigint", "null", "NULL", "bigint", catalog.FamilyInteger},
	{"datetime", "null", "NULL", "datetime", catalog.FamilyDateTime},
}

// Cells are what the server itself writes, to the last digit, whether the statement has bound values or not.
func TestCells(t *testing.T) {
	t.Parallel()
	var columns, values []string
	for i, c := range cells {
		columns = append(columns, fmt.Sprintf("c%d %s", i, c.declared))
		values = append(values, c.value)
	}
	for name, server := range both(t) {
		src, _ := database(t, server, "create table every ("+strings.Join(columns, ", ")+")", "insert into every values ("+strings.Join(values, ", ")+")")
		for protocol, st := range map[string]connectors.Statement{
			"text": {SQL: "select * from every", ReadOnly: true}, "binary": {SQL: "select * from every where 1 = ?", Args: []any{int64(1)}},
		} {
			columns, rows, err := run(t.Context(), src, st)
			if err != nil || len(rows) != 1 || len(rows[0]) != len(cells) {
				t.Fatalf("%s: %d rows, %v", name, len(rows), err)
			}
			for i, c := range cells {
				if c.kind == "" {
					continue
				}
				if rows[0][i] != c.want || columns[i].Type != c.kind || columns[i].Family != c.family {
					t.Errorf("%s, %s: %s %s: %q, %+v", name, protocol, c.declared, c.value, rows[0][i], columns[i])
				}
			}
		}
	}
}

// Numbers that the server sends in binary are written as the server writes them.
func TestRealsAsTheServerWritesThem(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var values []string
	for range 2000 {
		v := math.Float64frombits(random.Uint64())
		if random.IntN(2) == 0 {
			v = math.Round(random.NormFloat64()*1e6) / math.Pow10(random.IntN(12))
		}
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, fmt.Sprintf("(%d, %v, if(abs(%v) < 3e38, %v, 0), if(abs(%v) < 1e9, %v, 0))", len(values), v, v, v, v, v))
		}
	}
	for name, server := range both(t) {
		src, _ := database(t, server, "create table reals (id int primary key, d double, f float, m double(20,4))", "insert into reals values "+strings.Join(values, ", "))
		_, text, err := run(t.Context(), src, connectors.Statement{SQL: "select * from reals order by id"})
		if err != nil {
			t.Fatal(err)
		}
		_, binary, err := run(t.Context(), src, connectors.Statement{SQL: "select * from reals where id >= ? order by id", Args: []any{int64(0)}})
		if err != nil || len(text) != len(values) || len(binary) != len(values) {
			t.Fatalf("%s: %d and %d rows: %v", name, len(text), len(binary), err)
		}
		for i := range text {
			if strings.Join(text[i], " ") != strings.Join(binary[i], " ") {
				t.Fatalf("%s: the server writes %s, we write %s", name, text[i], binary[i])
			}
		}
	}
}

// Values are bound with their types, long ones too, and a statement that takes another number of them is not run.
func TestBoundValues(t *testing.T) {
	t.Parallel()
	for name, server := range both(t) {
		src, _ := database(t, server, "create table n (i bigint)", "insert into n values (1), (2), (3)")
		long := strings.Repeat("é🦆'\\", 400_000)
		if got := one(t, src, "select ?", long); got != long {
			t.Errorf("%s: %d bytes come as %d", name, len(long), len(got))
		}
		for _, arg := range []any{int64(math.MinInt64), int64(2), 0.1, true, nil, "2"} {
			_, rows, err := run(t.Context(), src, connectors.Statement{SQL: "select i from n where i = ? limit 1", Args: []any{arg}})
			if found := arg == int64(2) || arg == true || arg == "2"; err != nil || len(rows) == 1 != found {
				t.Errorf("%s: %v: %v, %v", name, arg, rows, err)
			}
		}
		for _, args := range [][]any{{int64(1)}, {int64(1), int64(2), int64(3)}, {[]string{"1"}, int64(2)}} {
			_, _, err := run(t.Context(), src, connectors.Statement{SQL: "select ?, ?", Args: args})
			if e := classify(err); e == nil || e.Cause != connectors.CauseStatement && e.Cause != connectors.CauseUnsupported {
				t.Errorf("%s: %v: %v", name, args, err)
			}
		}
		if got := one(t, src, "select count(*) from n"); got != "3" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
