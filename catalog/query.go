package catalog

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Query asks for objects by words. Text may narrow itself: "schema:sales total" finds what is called total within schemas
// called sales, "table:orders" the tables called so. A value with spaces stands in quotes, within which "" is one: table:"order details".
type Query struct {
	Text   string
	Levels []Level // only objects of these levels; none given: of every level
	Limit  int
}

// Bounds of a query. Each condition is looked for around every object that may be meant, so that a long text would keep a server
// busy for seconds.
const (
	maxQueryText  = 500 // characters
	maxConditions = 8
)

// Check says what is wrong with the query, in words; empty: nothing.
func (q Query) Check() string {
	switch {
	case utf8.RuneCountInString(q.Text) > maxQueryText:
		return fmt.Sprintf("Search for at most %d characters", maxQueryText)
	case len(slices.DeleteFunc(splitWords(q.Text), func(w term) bool { _, ok := w.narrows(); return !ok })) > maxConditions:
		return fmt.Sprintf("Narrow the search at most %d times", maxConditions)
	}
	return ""
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
// as one name, or as a name within something; they come in the order in which they are tried. A query that Check refuses asks
// for nothing.
func (q Query) parse() []wanted {
	if q.Check() != "" {
		return nil
	}
	var within []condition
	var plain []string
	for _, w := range splitWords(q.Text) {
		if level, ok := w.narrows(); ok {
			within = append(within, condition{level, w.value})
		} else {
			plain = append(plain, w.text)
		}
	}
	deepest := deepestCondition(within)
	switch {
	case len(plain) == 0 && deepest < 0:
		return nil
	case len(plain) == 0 || deepest >= 0 && within[deepest].level == LevelColumn:
		target := within[deepest]
		within = slices.Delete(within, deepest, deepest+1)
		if len(plain) > maxConditions {
			plain = []string{strings.Join(plain, " ")}
		}
		for _, word := range plain {
			within = append(within, condition{text: word})
		}
		return []wanted{{text: target.text, levels: both(q.Levels, []Level{target.level}), within: within}}
	}
	readings := []wanted{{text: strings.Join(plain, " "), levels: q.Levels, within: within}}
	if parts := splitParts(plain); len(parts) > 1 && len(parts) <= maxConditions {
		last := len(parts) - 1
		nested := wanted{text: parts[last], levels: q.Levels, within: slices.Clone(within)}
		for _, part := range parts[:last] {
			nested.within = append(nested.within, condition{text: part})
		}
		readings = append(readings, nested)
	}
	return readings
}

// A term is a part of a query's text, folded. Where it has a colon outside quotes, name and value are what stands around it.
type term struct{ text, name, value string }

// narrows says to which level's names the term narrows the query, if it does.
func (w term) narrows() (Level, bool) {
	return Level(w.name), w.value != "" && isLevel(w.name)
}

func isLevel(name string) bool { return slices.Contains(allLevels, Level(name)) }

// splitWords splits at spaces outside quotes and folds. A quote opens where a word or the value behind a colon begins, and is a
// character of the name anywhere else; inside quotes, two stand for one.
func splitWords(text string) []term {
	var words []term
	var written strings.Builder
	quoted, any, colon := false, false, -1
	end := func() {
		if any {
			w := term{text: fold(written.String())}
			if colon >= 0 {
				w.name, w.value = fold(written.String()[:colon]), fold(written.String()[colon+1:])
			}
			words = append(words, w)
		}
		written.Reset()
		any, colon = false, -1
	}
	begins := func() bool { // a word, or a value
		return !any || colon >= 0 && written.Len() == colon+1 && isLevel(fold(written.String()[:colon]))
	}
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case quoted && r == '"' && i+1 < len(runes) && runes[i+1] == '"':
			written.WriteRune(r)
			any = true
			i++
		case quoted && r == '"':
			quoted = false
		case r == '"' && begins() && slices.Contains(runes[i+1:], '"'):
			quoted = true
		case !quoted && (r == ' ' || r == '\t' || r == '\n'):
			end()
		default:
			if r == ':' && !quoted && colon < 0 {
				colon = written.Len()
			}
			written.WriteRune(r)
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

func deepestCondition(all []condition) int {
	deepest := -1
	for i, c := range all {
		if deepest < 0 || slices.Index(allLevels, c.level) > slices.Index(allLevels, all[deepest].level) {
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
