package catalog

import (
	"fmt"
	"strings"
	"testing"
)

// The next name with a prefix is the one that a look at every child finds, among tables by name as among columns in their order.
func TestNextWithPrefix(t *testing.T) {
	b := NewBuilder([]Level{LevelSchema, LevelTable})
	for i := range 40 {
		name := fmt.Sprintf("%c%d", "aBbÄz"[i%5:][0], i)
		if i%5 == 3 {
			name = fmt.Sprint("ä", i)
		}
		if err := b.Add(Table{Path: Path{"s", name}, Columns: []Column{{Name: "z", Type: "int"}, {Name: "Total", Type: "int"}, {Name: "a", Type: "int"}, {Name: "total2", Type: "int"}}}); err != nil {
			t.Fatal(err)
		}
	}
	shard := b.Build()
	for _, path := range []Path{nil, {"s"}, {"s", "a0"}, {"s", "a0", "z"}, {"none"}} {
		children, total, _ := shard.Children(path, 0, 100)
		for _, prefix := range []string{"", "a", "b", "B1", "ä", "Ä3", "t", "TOTAL2", "zz"} {
			for from := -1; from <= total+1; from++ {
				want := -1
				for i := max(from, 0); i < total && want < 0; i++ {
					if strings.HasPrefix(fold(children[i].Name()), fold(prefix)) {
						want = i
					}
				}
				got, ok := shard.NextWithPrefix(path, from, prefix)
				if !ok {
					got = -1
				}
				if got != want {
					t.Errorf("%q in %v from %d: %d, want %d", prefix, path, from, got, want)
				}
			}
		}
	}
}
