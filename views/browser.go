package views

import "strconv"

// Outputs are what the cells of a project put out, as the data browser lists them.
type Outputs struct {
	ProjectID string
	Cells     []Output
}

// An Output is what one SQL cell put out last.
type Output struct {
	CellID, Name string
	State        string // of the last run that the reader may see; empty: there is none
	Rows         int64
	Columns      []ColumnRow
}

// note says beside its name what an output is.
func (o Output) note() string {
	switch o.State {
	case "":
		return "No result"
	case "running":
		return "Running"
	case "failed":
		return "Failed"
	case "cancelled":
		return "Cancelled"
	}
	return Plural(o.Rows, "row", "rows")
}

// pinVals pin a node, or take its pin away.
func pinVals(path string, pinned bool) string {
	return jsonText(map[string]string{"path": path, "pinned": strconv.FormatBool(pinned)})
}
