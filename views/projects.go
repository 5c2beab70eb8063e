package views

import "time"

// A ProjectList is the person's notebooks.
type ProjectList struct {
	Page   Page
	Rows   []ProjectRow
	Total  int
	Query  string
	MayAdd bool
	Name   string
	Errors map[string]string
	Now    time.Time
}

// A ProjectRow is one notebook.
type ProjectRow struct {
	ID, Name, Owner, Access string
	Updated                 time.Time
	Connections             []ConnectorMark
	Unnamed                 int    // connections that the person may not query, and so does not get to know
	Note                    string // why less may be done than was shared
}

// A ConnectorMark is a connection in few words.
type ConnectorMark struct{ Name, Type string }

// A ProjectDelete asks for the name.
type ProjectDelete struct {
	Page     Page
	ID, Name string
	Cells    int
	Own      []string // names of its own connections, which go too
	Error    string
}
