package views

import (
	"strconv"
	"time"
)

// An App is a project for those who may only view: its texts and the kept results of its cells, without SQL.
type App struct {
	Page   Page
	Name   string
	Follow string // the stream of what the reader may do
	Back   string // the notebook, for those who may see it; may be empty
	Share  string // where the project is shared, for those who may; may be empty
	Cells  []AppCell
}

// An AppCell is a text, or the kept result of a SQL cell.
type AppCell struct {
	ID, Kind, Name string
	Text           string // Markdown of a text cell
	Words          string // instead of rows
	Columns        []AppColumn
	Rows           [][]PreviewCell
	Summary        string // which rows these are
	Newer, Older   string // the pages before and after; may be empty
	CSV            string // where to download it; may be empty
	Finished, Now  time.Time
}

// An AppColumn is one column of a result.
type AppColumn struct {
	Name   string
	Number bool
}

func (c AppCell) title() string {
	if c.Name != "" {
		return c.Name
	}
	return "Result"
}

// RowsWords says which rows of a result are shown.
func RowsWords(from, shown, total int64) string {
	if shown == 0 {
		return "0 rows"
	}
	if shown == total {
		return Plural(total, "row", "rows")
	}
	return "Rows " + strconv.FormatInt(from+1, 10) + " to " + strconv.FormatInt(from+shown, 10) + " of " + Plural(total, "row", "rows")
}
