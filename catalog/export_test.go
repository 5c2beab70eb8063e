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

// LexiconOrder are these names as a lexicon has them, one after another.
func LexiconOrder(names []string) []string {
	b := newLexiconBuilder()
	for _, name := range names {
		b.add(name)
	}
	l, _ := b.build(true)
	out := make([]string, l.len())
	for id := range out {
		out[id] = l.name(uint32(id))
	}
	return out
}

// Fold is fold.
func Fold(s string) string { return fold(s) }
