package catalog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// The packed form of a table is what its row holds. It is the form of codec.go with another version, in which a column begins with
//
//	uvarint  0: written out as there. Otherwise the k-th word: 1 + 2k, or 2 + 2k where the parts below follow
//	flags    1 byte: which of them; one that is set takes the place of the word's
//	default, comment, place in the primary key, reference  as there
//
// and in which the types that are not common are numbered on from those of the words: a uvarint after the number of columns says
// how many words there were.
//
// A word is a column that many tables of this catalog have alike: all of it but its place in the primary key, written out as
// there for a table without a name, where the path of a reference is without the parts that it shares with the table's
// own, whose number follows as a uvarint. Words are kept beside the tables and never change.
const packedVersion = 2

// Words are the columns that the tables of one catalog share.
type Words struct {
	list   []word
	types  []columnType // of those without a name, which stand for nothing but their type
	before []int        // of each of these types: how many words there were before it
	number map[word]int
	seen   map[word]int // how often, of those that may become words
	often  []word       // of seen, those that are to become words
}

// A word is a column without References and PrimaryKey, and the reference in their place.
type word struct {
	Column
	to     string // the target's path after the shared parts, with the column last, as text; empty where there is none
	shared int
}

const (
	maxWords = 4096    // so that reading all of them for one table costs nothing to speak of
	minUses  = 3       // for a column to become a word
	maxSeen  = 1 << 15 // what bounds the memory for finding them
)

// ReadWords makes words of their stored forms, in order.
func ReadWords(stored [][]byte) (*Words, error) {
	w := &Words{number: map[word]int{}, seen: map[word]int{}}
	for i, b := range stored {
		d := decoder{b: b}
		c := d.word()
		if d.bad || len(d.b) > 0 {
			return nil, fmt.Errorf("word %d: %w", i, errCorrupt)
		}
		w.add(c)
	}
	return w, nil
}

func (w *Words) add(c word) {
	w.number[c] = len(w.list)
	if c == typeOnly(c.Column) {
		w.types, w.before = append(w.types, columnType{c.Type, c.Family}), append(w.before, len(w.list))
	}
	w.list = append(w.list, c)
}

// typesOf are the types of the first so many words. What is appended to them goes elsewhere.
func (w *Words) typesOf(words int) []columnType {
	n, _ := slices.BinarySearch(w.before, words)
	return w.types[:n:n]
}

// typeOnly is the type of a column as a word.
func typeOnly(c Column) word { return word{Column: Column{Type: c.Type, Family: c.Family}} }

// Len is how many there are.
func (w *Words) Len() int { return len(w.list) }

// Learn makes words of the columns that these tables and those before them have most often, and returns the stored forms of those that are new. They
// follow the ones there were, and have to be kept before anything that was packed after.
func (w *Words) Learn(tables []Table) [][]byte {
	w.count(tables)
	type found struct {
		word
		uses int
		form []byte
	}
	fresh := make([]found, len(w.often))
	for i, c := range w.often {
		fresh[i] = found{c, w.seen[c], c.form()}
	}
	w.often = nil
	slices.SortFunc(fresh, func(a, b found) int { return cmp.Or(cmp.Compare(b.uses, a.uses), bytes.Compare(a.form, b.form)) })
	fresh = fresh[:min(len(fresh), maxWords-len(w.list))]
	forms := make([][]byte, len(fresh))
	for i, f := range fresh {
		w.add(f.word)
		delete(w.seen, f.word)
		forms[i] = f.form
	}
	return forms
}

// count counts the columns that are no words yet, as long as there is room for words.
func (w *Words) count(tables []Table) {
	if len(w.list) >= maxWords {
		w.seen = nil
		return
	}
	for _, t := range tables {
		for _, c := range t.Columns {
			whole, fits := wordOf(c, t.Path)
			if fits {
				w.see(whole)
			}
			if bare := bareWord(c); whole != bare {
				w.see(bare)
			}
			if _, common := commonTypeNumber[columnType{c.Type, c.Family}]; !common {
				w.see(typeOnly(c))
			}
		}
	}
}

func (w *Words) see(c word) {
	if _, known := w.number[c]; known {
		return
	}
	n := w.seen[c]
	if n == 0 && len(w.seen) >= maxSeen {
		return
	}
	if w.seen[c] = n + 1; n+1 == minUses {
		w.often = append(w.often, c)
	}
}

// wordOf is all of a column, in the table at path, that a word can hold. What refers to a nameless column fits into none.
func wordOf(c Column, path Path) (w word, fits bool) {
	w = word{Column: c}
	w.PrimaryKey, w.References = 0, nil
	if c.References != nil {
		w.shared = sharedParts(c.References.Table, path)
		w.to = append(c.References.Table[w.shared:len(c.References.Table):len(c.References.Table)], c.References.Column).String()
	}
	return w, c.References == nil || c.References.Column != ""
}

// bareWord is a column without what is likely to be its own.
func bareWord(c Column) word {
	return word{Column: Column{Name: c.Name, Type: c.Type, Family: c.Family, Nullable: c.Nullable}}
}

// form is the stored form of a word.
func (w word) form() []byte {
	c := w.Column
	if to, err := ParsePath(w.to); err == nil && len(to) > 0 {
		c.References = &Ref{Table: to.Parent(), Column: to.Name()}
	}
	e := encoder{}
	e.column(c, "")
	e.uvarint(uint64(w.shared))
	return e.b
}

func (d *decoder) word() word {
	w := word{Column: d.column("")}
	if ref := w.References; ref != nil {
		w.to = append(ref.Table, ref.Column).String()
		w.References = nil
	}
	w.shared = int(d.uvarint())
	return w
}

// Pack is the form of a table that is stored, without its path. Unpack gives back everything but the digits of Rows that RoundRows drops.
func Pack(t Table, words *Words) []byte {
	e := newEncoder(t, packedVersion)
	if len(t.Columns) > 0 {
		e.uvarint(uint64(words.Len()))
		e.types = words.typesOf(words.Len())
	}
	last := t.Path.Name()
	for _, c := range t.Columns {
		e.packed(c, last, words)
		last = c.Name
	}
	return e.b
}

func (e *encoder) packed(c Column, last string, words *Words) {
	own := c
	whole, fits := wordOf(c, e.path)
	k, ok := words.number[whole]
	if ok = ok && fits; ok {
		own.Default, own.Comment, own.References = "", "", nil
	} else if k, ok = words.number[bareWord(c)]; !ok {
		e.uvarint(0)
		e.column(c, last)
		return
	}
	flags := ownParts(own)
	if flags == 0 {
		e.uvarint(uint64(1 + 2*k))
		return
	}
	e.uvarint(uint64(2 + 2*k))
	e.b = append(e.b, flags)
	e.parts(own)
}

// Unpack reads what Pack wrote of the table at path, and the written form without words that stood there before it.
func Unpack(path Path, body []byte, words *Words) (Table, error) {
	if len(body) == 0 || body[0] != packedVersion {
		return Decode(path, body)
	}
	begun := false
	return decodeTable(path, body, func(d *decoder, last string) Column {
		if !begun {
			begun = true
			d.types = words.typesOf(int(d.uvarint()))
		}
		return d.packed(last, words)
	})
}

func (d *decoder) packed(last string, words *Words) Column {
	n := d.uvarint()
	if n == 0 {
		return d.column(last)
	}
	k := (n - 1) / 2
	if k >= uint64(len(words.list)) {
		d.fail()
		return Column{}
	}
	c, ok := words.list[k].in(d.path)
	if !ok {
		d.fail()
		return Column{}
	}
	if n%2 == 0 {
		d.parts(&c, d.byte())
	}
	return c
}

// in is the column that a word stands for in the table at path.
func (w word) in(path Path) (Column, bool) {
	c := w.Column
	if w.to == "" {
		return c, true
	}
	to, err := ParsePath(w.to)
	if err != nil || w.shared > len(path) {
		return c, false
	}
	c.References = &Ref{Table: append(append(make(Path, 0, w.shared+len(to)), path[:w.shared]...), to.Parent()...), Column: to.Name()}
	return c, true
}

// PackPath is a path's text as the key of a row: in the code of text.go, in which the words of a path are short. What lies
// together in the tree lies together in it too.
func PackPath(text string) []byte { return appendCode(make([]byte, 0, len(text)), text, textContext{}) }

// UnpackPath reads what PackPath wrote.
func UnpackPath(key []byte) (string, error) {
	text, ok := appendDecoded(make([]byte, 0, 4*len(key)), key, textContext{})
	if !ok {
		return "", fmt.Errorf("path %x: %w", key, errCorrupt)
	}
	return string(text), nil
}

// newEncoder begins a form with everything that stands before the columns.
func newEncoder(t Table, version byte) *encoder {
	e := &encoder{b: make([]byte, 0, 32+16*len(t.Columns)), path: t.Path, ctx: contextOf(t.Path)}
	flags := byte(0)
	if t.Unreadable {
		flags |= tableUnreadable
	}
	e.b = append(e.b, version, number(kinds, t.Kind), flags)
	e.b = binary.AppendUvarint(e.b, uint64(RoundRows(t.Rows)+1))
	e.text(t.Comment)
	e.uvarint(uint64(len(t.Columns)))
	return e
}
