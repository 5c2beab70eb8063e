package catalogtest

import "math/rand/v2"

// Typed are texts of 2 to 8 characters as people type them into a search of the first tables: from the beginnings and middles of
// names, one in ten misspelt.
func Typed(n, tables, columns int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	typed := make([]string, n)
	for i := range typed {
		t := Table(r.IntN(tables), columns)
		name := t.Path.Name()
		if r.IntN(2) == 0 {
			name = t.Columns[r.IntN(len(t.Columns))].Name
		}
		length, from := min(2+r.IntN(7), len(name)), 0
		if r.IntN(2) == 0 {
			from = r.IntN(len(name) - length + 1)
		}
		typed[i] = name[from : from+length]
		if r.IntN(10) == 0 {
			typed[i] = typed[i][:length-1] + "q"
		}
	}
	return typed
}
