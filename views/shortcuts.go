package views

// A shortcut is one line of the dialog that "?" opens. static/src/js/keys.js does what it says.
type shortcut struct {
	does string
	keys []string
}

var shortcuts = []shortcut{
	{"Search on this screen", []string{"/"}},
	{"Find anything", []string{"Ctrl", "K"}},
	{"Go to data sources", []string{"g", "d"}},
	{"Go to notebooks", []string{"g", "n"}},
	{"Go to the data browser", []string{"g", "b"}},
	{"Save the form", []string{"Ctrl", "S"}},
	{"Run the cell", []string{"Ctrl", "Enter"}},
	{"Run the cell and go to the next", []string{"Shift", "Enter"}},
	{"Leave the editor", []string{"Esc", "Tab"}},
	{"Show these keys", []string{"?"}},
}
