package duckdb

import (
	"regexp"
	"slices"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/connectors"
)

// unsafeCalls finds the functions that reach past the engine's own lock, each tried out on DuckDB 1.5.6:
//   - json_execute_serialized_sql runs a syntax tree that no SQL can spell. One that gives arrow_scan a pointer makes this process
//     jump to an address of the author's choice.
//   - query() runs text that is put together while it runs, which could name the others.
//   - enable_logging and enable_profiling turn settings that are locked: they print to our standard output, and a log in a file
//     that may not be written ends the process.
//
// The engine has no way to take a function out, so their names are looked for wherever they stand in the statement. The grammar
// has no other spelling for a name, so no way of reading the statement can hide one from us that the engine would find.
var unsafeCalls = regexp.MustCompile(`(?i)json_execute_serialized_sql|arrow_scan|enable_logging|enable_profil|\bquery"?[\s\pZ\pC]*(\(|/\*|--)`)

// guard refuses a statement that names an unsafe function.
func guard(sql string) error {
	found := unsafeCalls.FindString(sql)
	if found == "" {
		return nil
	}
	return &connectors.Error{
		Cause: connectors.CauseDenied, Op: "read the statement", Message: "the statement names a DuckDB function that is refused here, in " + found,
		Hint: "Write the statement without it. A column or table named query must not stand before a bracket or a comment",
	}
}

// The kinds of statement that are run, as the engine sorts them. The others make no sense in a session that ends with its
// statement, and are where an engine's ways out are: SET, ATTACH, COPY, LOAD, INSTALL, EXPORT, CALL.
var (
	readingKinds = []engine.StatementType{engine.StatementTypeSelect, engine.StatementTypeExplain, engine.StatementTypeRelation}
	writingKinds = []engine.StatementType{
		engine.StatementTypeInsert, engine.StatementTypeUpdate, engine.StatementTypeDelete, engine.StatementTypeMergeInto,
		engine.StatementTypeCreate, engine.StatementTypeCreateFunc, engine.StatementTypeAlter, engine.StatementTypeDrop,
		engine.StatementTypeAnalyze, engine.StatementTypeVacuum,
	}
)

// guardKind refuses a statement of a kind that is not run. Writing kinds pass: the engine refuses them on a file that is open for
// reading, and knows which of them write to it.
func guardKind(kind engine.StatementType) error {
	if slices.Contains(readingKinds, kind) || slices.Contains(writingKinds, kind) {
		return nil
	}
	return &connectors.Error{
		Cause: connectors.CauseDenied, Op: "read the statement", Message: "DuckDB statements of this kind are refused here",
		Hint: "A statement reads or changes the tables of its file. There is no session to set up, and no other file",
	}
}
