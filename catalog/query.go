package catalog

import (
	"slices"
	"strings"
)

// A Query asks for objects by words. Text may narrow itself: "schema:sales total" finds what is called total within schemas
// called sales, "table:orders" the tables called so. A value with spaces stands in quotes: table:"order details".
type Query struct {
	Text   string
	Levels []Level // only objects of these levels; none given: of every level
	Limit  int
}

// A wanted is a query made ready: what to look for, of which levels, within what.
type wanted struct {
	text   string // folded, never empty
	levels []Level
	within []condition
}

// A condition holds for an object when its own name or that of an object around it, of that level, holds the text.
type condition struct {
	level Level // empty: any
	text  string
}

// parse reads the narrowings off the text. There is more than one way to read words in a row, and the qualified name "a.b":
// as one name, or as a name within something; they come in the order in which they are tried.
func (q Query) parse() []wanted {
	words := splitWords(q.Text)
	var within []condition
	var plain []string
	for _, word := range words {
		if level, value, ok := narrowing(word); ok {
			within = append(within, condition{level, value})
		} else {
			plain = append(plain, word)
		}
	}
	deepest := deepestCondition(within)
	switch {
	case len(plain) == 0 && deepest < 0:
		return nil
	case len(plain) == 0 || deepest >= 0 && within[deepest].level == LevelColumn:
		target := within[deepest]
		within = slices.Delete(within, deepest, deepest+1)
		for _, word := range plain {
			within = append(within, condition{text: word})
		}
		return []wanted{{text: target.text, levels: both(q.Levels, []Level{target.level}), within: within}}
	}
	readings := []wanted{{text: strings.Join(plain, " "), levels: q.Levels, within: within}}
	if parts := splitParts(plain); len(parts) > 1 {
		last := len(parts) - 1
		nested := wanted{text: parts[last], levels: q.Levels, within: slices.Clone(within)}
		for _, part := range parts[:last] {
			nested.within = append(nested.within, condition{text: part})
		}
		readings = append(readings, nested)
	}
	return readings
}

// splitWords splits at spaces outside quotes, drops the quotes and folds.
func splitWords(text string) []string {
	var words []string
	var word strings.Builder
	quoted, any := false, false
	end := func() {
		if any {
			words = append(words, fold(word.String()))
		}
		word.Reset()
		any = false
	}
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ' ' || r == '\t' || r == '\n'):
			end()
		default:
			word.WriteRune(r)
			any = true
		}
	}
	end()
	return words
}

// splitParts are the words, split again at the dots of qualified names.
func splitParts(words []string) []string {
	return strings.FieldsFunc(strings.Join(words, " "), func(r rune) bool { return r == ' ' || r == '.' })
}

func narrowing(word string) (level Level, value string, ok bool) {
	name, value, found := strings.Cut(word, ":")
	level = Level(name)
	ok = found && value != "" && slices.Contains([]Level{LevelDatabase, LevelSchema, LevelTable, LevelColumn}, level)
	return level, value, ok
}

func deepestCondition(all []condition) int {
	order := []Level{LevelDatabase, LevelSchema, LevelTable, LevelColumn}
	deepest := -1
	for i, c := range all {
		if deepest < 0 || slices.Index(order, c.level) > slices.Index(order, all[deepest].level) {
			deepest = i
		}
	}
	return deepest
}

// both are the levels in both lists, where an empty first one is all. Where nothing is in both, no level is right.
func both(a, b []Level) []Level {
	if len(a) == 0 {
		return b
	}
	common := slices.DeleteFunc(slices.Clone(b), func(l Level) bool { return !slices.Contains(a, l) })
	if len(common) == 0 {
		return []Level{"none"}
	}
	return common
}
