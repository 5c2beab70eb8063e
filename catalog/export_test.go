package catalog

// Encode is the written form of t as it stood in the store before there were words.
func Encode(t Table) []byte {
	e := newEncoder(t, codecVersion)
	last := t.Path.Name()
	for _, c := range t.Columns {
		e.column(c, last)
		last = c.Name
	}
	return e.b
}
