package duckdb

import (
	"strings"
	"testing"
)

// textCases are expressions of every type, with the values where writing one goes wrong.
var textCases = []string{
	"true", "false", "127::tinyint", "(-128)::tinyint", "(-32768)::smallint", "(-2147483648)::integer", "9223372036854775807::bigint", "(-9223372036854775808)::bigint",
	"255::utinyint", "65535::usmallint", "4294967295::uinteger", "18446744073709551615::ubigint",
	"170141183460469231731687303715884105727::hugeint", "(-170141183460469231731687303715884105728)::hugeint", "(-1)::hugeint", "0::hugeint",
	"18446744073709551616::hugeint", "340282366920938463463374607431768211455::uhugeint",
	"0::bignum", "(-1)::bignum", "123456789012345678901234567890123456789012345678901234567890::bignum", "(-123456789012345678901234567890)::bignum", "256::bignum",
	"0.1::float", "1::float", "3.4028235e38::float", "1e-45::float", "16777216::float", "'nan'::float", "'-inf'::float", "1e16::float", "123456.7::float",
	"0.1::double", "1::double", "-0.0::double", "1e15::double", "1e16::double", "1e17::double", "123456789012345678::double", "1e-4::double", "1e-5::double", "1.5e300::double",
	"5e-324::double", "'nan'::double", "'inf'::double", "1/3::double", "0.00012345::double", "1e100::double", "49.47::double", "9999999999999998::double",
	"1.10::decimal(4,2)", "-0.05::decimal(4,2)", "0::decimal(4,2)", "-12345.678::decimal(9,3)", "123456789012.345678::decimal(18,6)", "5::decimal(38,0)",
	"-12345678901234567890123456789.012345678::decimal(38,9)", "0.00000000000000000000000000000000000001::decimal(38,38)", "-0.1::decimal(2,1)", "1::decimal(1,0)",
	"''", "'x'", "'twelve bytes'", "'thirteen byte'", "'ünï — 日本'", "'a'||chr(10)||'b'", "'a'||chr(0)||'b'", "repeat('long ', 100)",
	"''::blob", `'\x00\xFFabc\x27\x22\x5C~ '::blob`, "'1'::bit", "'0101010111'::bit", "'00000000'::bit", "'000000001'::bit",
	"'00000000-0000-0000-0000-000000000000'::uuid", "'ffffffff-ffff-ffff-ffff-fffffffffffe'::uuid", "'8a1f0b2c-3d4e-4f5a-9b6c-7d8e9f0a1b2c'::uuid",
	"'a b'::enum('x', 'a b')", "date '2026-11-23'", "date '0001-01-01'", "date '0044-03-15 (BC)'", "date '12345-06-07'", "'infinity'::date", "'-infinity'::date", "date '1969-12-31'",
	"time '00:00:00'", "time '23:59:59.999999'", "time '12:34:56.7'", "time '24:00:00'", "time '01:02:03.000004'", "'12:34:56.123456789'::time_ns",
	"'12:34:56+00'::timetz", "'12:34:56.5+05:30'::timetz", "'12:34:56-03:15:20'::timetz", "'00:00:00+15:59:59'::timetz", "'23:59:59-15:59:59'::timetz",
	"timestamp '2026-11-23 12:34:56'", "timestamp '2026-11-23 12:34:56.000001'", "timestamp '1969-12-31 23:59:59.5'", "timestamp '0044-03-15 (BC) 01:02:03'", "'infinity'::timestamp",
	"'-infinity'::timestamp", "timestamp '290000-01-01 00:00:00'", "'2026-11-23 12:34:56'::timestamp_s", "'2026-11-23 12:34:56.789'::timestamp_ms",
	"'2026-11-23 12:34:56.123456789'::timestamp_ns", "'1900-01-01 00:00:00.000000001'::timestamp_ns", "'infinity'::timestamp_s",
	"'2026-11-23 12:34:56.789+02'::timestamptz", "'infinity'::timestamptz", "'1800-01-01 00:00:00+00'::timestamptz", "'0044-03-15 (BC) 01:02:03+00'::timestamptz",
	"interval 0 days", "interval 1 day", "interval '14 months 3 days 4 hours'", "interval '-1 month'", "interval '-1.5 seconds'", "interval '1 year 1 day -00:00:00.000001'",
	"interval '1000 hours'", "interval '-14 months'", "interval '100 hours 1 second'", "interval '1 month -1 day'",
	`'{"a": [1, 2.50], "b": null}'::json`, "'null'::json", `'"x"'::json`,
	"[1, null, 3]", "[]::int[]", "[[1, 2], [], null, [null]]", "['a', 'b c', ' d', 'e ', '', 'null', 'NULL', 'Null', 'nullx', null]",
	`['it''s', 'a,b', '[x]', '{y}', 'a=b', 'a:b', '(p)', 'back\slash', '"q"', 'semi;', 'new'||chr(10)||'line', 'tab'||chr(9)]`,
	"[date '2026-11-23', null]", "[timestamp '2026-11-23 12:34:56']", "[time '12:34:56']", "[1.50::decimal(4,2)]", "[true]", "['a b'::blob, ' x'::blob]", "[interval '1 day 2 hours']",
	"['8a1f0b2c-3d4e-4f5a-9b6c-7d8e9f0a1b2c'::uuid]", "['{\"a\": 1}'::json, '[]'::json, '1'::json]", "['x'::enum('x', 'a, b'), 'a, b'::enum('x', 'a, b')]", "['0101'::bit]",
	"['2026-11-23 12:34:56+00'::timestamptz]", "[0.1::double, 'nan'::double]", "[1::hugeint]",
	"[1, 2, null]::int[3]", "['a', 'b c']::varchar[2]", "[[1, 2], [3, 4]]::int[2][2]",
	"{'a': 1, 'b c': 'x', 'd''e': null}", "{'A': {'b': [1, 2]}}", "row(1, 'a b', null)", "row(row(1), [2])", "{'back\\slash': ' '}", "{'x': 'it''s'}",
	`['a\\b, c', 'a\\''b', '\\', ' \\']`, "0.5::decimal(1,1)", "-0.5::decimal(3,3)", "0::decimal(2,2)",
	"map {'a': 1, 'b c': null}", "map {1: [1, 2], 2: []}", "map()", "map {'k=v': 'x=y', '': ''}", "map {date '2026-01-01': {'a': 1}}", "map {[1]: 'x'}",
	"union_value(n := 1)", "union_value(s := 'a, b')::union(n int, s varchar)", "[union_value(s := 'a, b')]", "[union_value(s := [1, 2])]", "{'u': union_value(n := null::int)}",
	"null", "null::int", "null::int[]", "[null]",
}

// TestTextIsTheEngines asks the engine for its own text beside each value, in one column of many rows and in rows of their own.
func TestTextIsTheEngines(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	var columns []string
	for _, e := range textCases {
		columns = append(columns, e, "("+e+")::varchar", "typeof("+e+")")
	}
	rows, err := answerRow(t, src, "select "+strings.Join(columns, ", "))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range textCases {
		if got, want := rows.cells[3*i], rows.cells[3*i+1]; got != want {
			t.Errorf("%s: got %s, DuckDB writes %s", e, got, want)
		}
		if got, want := rows.types[3*i], rows.cells[3*i+2]; got != want && !strings.Contains(want, `"NULL"`) {
			t.Errorf("%s: the type is %s, DuckDB says %s", e, got, want)
		}
	}
}

// TestTextOfManyRows reads nested values and NULLs from rows in the middle of chunks.
func TestTextOfManyRows(t *testing.T) {
	t.Parallel()
	src := openFile(t)
	const values = `select i,
		case when i % 3 = 0 then null else i::decimal(18,3) / 7 end as d,
		case when i % 5 = 0 then null else list_transform(range(i % 4), lambda x: case when x = 2 then null else 'v ' || (i + x) end) end as l,
		{'a': i, 'b': case when i % 2 = 0 then repeat('x', (i % 20)::int) end} as s,
		map([i, i + 1], ['p', null]) as m,
		[i, null]::bigint[2] as a,
		timestamp '2026-01-01' + interval (i) second as t
		from range(10000) r(i)`
	names := []string{"i", "d", "l", "s", "m", "a", "t"}
	sql := "select " + strings.Join(names, ", ")
	for _, n := range names {
		sql += ", " + n + "::varchar"
	}
	got, err := answer(t.Context(), src, sql+" from ("+values+") where i % 7 <> 0 order by hash(i)")
	if err != nil || len(got) != 8571 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for _, row := range got {
		cells := strings.Split(row, "|")
		for i := range names {
			if cells[i] != cells[i+len(names)] {
				t.Fatalf("%s: got %s, DuckDB writes %s", names[i], cells[i], cells[i+len(names)])
			}
		}
	}
}
