package notebook

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"patchbay/connectors"
	"patchbay/dialect"
	"patchbay/query"
)

// parameter is {{ name }} or {{ name | array }}, at the beginning of a text.
var parameter = regexp.MustCompile(`^\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:\|\s*([A-Za-z_]*)\s*)?\}\}`)

// Compile makes a statement out of what a person typed. Each {{ name }} becomes a placeholder of the dialect with the value
// bound to it; {{ name | array }} stands for a list: inside IN ( ... ) one placeholder for each of its values, elsewhere one
// that holds the list, on products that take arrays. Values never enter the text of the statement. A parameter in a comment
// stays a comment; one inside quotes is refused, since it could only be pasted there, but braces inside quotes that name no parameter
// stay what they are: a table may be called so. Exactly one statement is allowed, with
// or without a semicolon. Errors are *connectors.Error of CauseStatement with the position in source.
//
// A value is a string, int64, float64, bool, nil, or a []any of these for a list.
func Compile(d *dialect.Dialect, source string, values map[string]any) (query.Statement, error) {
	c := &compiler{dialect: d, source: source, values: values, bound: map[string]int{}, question: -1}
	for _, s := range grammarOf(d).spans(source) {
		if err := c.span(s); err != nil {
			return query.Statement{}, err
		}
	}
	if !c.anything {
		return query.Statement{}, problem(source, 0, "There is no statement here")
	}
	if c.question >= 0 && len(c.args) > 0 {
		return query.Statement{}, problem(source, c.question, "Write {{ name }} in place of ?, which cannot stand beside other parameters")
	}
	return query.Statement{SQL: c.out.String(), Args: c.args, Position: c.position}, nil
}

// A compiler makes one statement.
type compiler struct {
	dialect  *dialect.Dialect
	source   string
	values   map[string]any
	out      strings.Builder
	args     []any
	bound    map[string]int // placeholder number of a value that is bound already
	pieces   []piece
	sent     int    // characters of out
	counted  int    // bytes of source whose characters are counted
	typed    int    // characters of source[:counted]
	parens   []bool // open parentheses; true: of IN ( ... )
	word     string // the last word of code, folded
	question int    // where the first ? of code stands; -1: nowhere
	anything bool   // there is code
	ended    bool   // there was a semicolon
}

// A piece maps a part of the statement to the source. Offsets are in characters, from 0.
type piece struct {
	sent, typed int
	placeholder bool // all of it stands for the one parameter at typed
}

func problem(source string, at int, words string) error {
	return &connectors.Error{Cause: connectors.CauseStatement, Op: "read the statement", Message: words,
		Position: utf8.RuneCountInString(source[:at]) + 1}
}

func (c *compiler) span(s span) error {
	text := c.source[s.start:s.end]
	if s.kind == code {
		return c.code(s.start, s.end)
	}
	if s.kind == quoted {
		if err := c.quoted(s.start, text); err != nil {
			return err
		}
	}
	if !c.ended {
		c.copy(s.start, s.end)
	}
	return nil
}

// quoted checks text inside quotes.
func (c *compiler) quoted(at int, text string) error {
	if c.ended {
		return c.second(at)
	}
	for i := strings.Index(text, "{{"); i >= 0; i = indexFrom(text, "{{", i+1) {
		m := parameter.FindStringSubmatch(text[i:])
		if m == nil {
			continue
		}
		if _, meant := c.values[m[1]]; meant {
			return problem(c.source, at+i, m[0]+" stands inside quotes, where nothing can be bound. Take the quotes away, or join the parts with || or concat()")
		}
	}
	c.anything, c.word = true, ""
	return nil
}

// indexFrom is the place of part in text from i on; -1 where there is none.
func indexFrom(text, part string, i int) int {
	n := strings.Index(text[i:], part)
	if n < 0 {
		return n
	}
	return i + n
}

func (c *compiler) second(at int) error {
	return problem(c.source, at, "A cell runs one statement. Move what follows the semicolon to a cell of its own")
}

// code copies code and binds its parameters.
func (c *compiler) code(start, end int) error {
	from := start
	for i := start; i < end; {
		ch := c.source[i]
		if ch <= ' ' || c.ended && ch == ';' {
			i++
			continue
		}
		if c.ended {
			return c.second(i)
		}
		if ch == ';' {
			c.copy(from, i)
			c.ended = true
			i++
			continue
		}
		c.anything = true
		if !strings.HasPrefix(c.source[i:end], "{{") {
			i = c.step(i, end)
			continue
		}
		c.copy(from, i)
		n, err := c.parameter(i)
		if err != nil {
			return err
		}
		i += n
		from = i
	}
	if !c.ended {
		c.copy(from, end)
	}
	return nil
}

// step goes over one word or sign of code and keeps what the meaning of a list depends on.
func (c *compiler) step(i, end int) int {
	switch ch := c.source[i]; {
	case wordByte(ch):
		j := i
		for j < end && wordByte(c.source[j]) {
			j++
		}
		c.word = strings.ToLower(c.source[i:j])
		return j
	case ch == '(':
		c.parens = append(c.parens, c.word == "in")
	case ch == ')' && len(c.parens) > 0:
		c.parens = c.parens[:len(c.parens)-1]
	case ch == '?' && c.dialect.Placeholder == dialect.Question && c.question < 0:
		c.question = i
	}
	c.word = ""
	return i + 1
}

// copy takes a part of the source over as it is.
func (c *compiler) copy(start, end int) {
	if start < end {
		c.add(c.source[start:end], start, false)
	}
}

// add writes text for what stands at a place of the source. Places only grow.
func (c *compiler) add(text string, at int, placeholder bool) {
	c.typed += utf8.RuneCountInString(c.source[c.counted:at])
	c.counted = at
	c.pieces = append(c.pieces, piece{sent: c.sent, typed: c.typed, placeholder: placeholder})
	c.sent += utf8.RuneCountInString(text)
	c.out.WriteString(text)
}

// parameter binds the parameter at i and answers with its length.
func (c *compiler) parameter(i int) (int, error) {
	m := parameter.FindStringSubmatch(c.source[i:])
	if m == nil {
		return 0, problem(c.source, i, "Write a parameter like {{ name }} or {{ name | array }}")
	}
	name, filter := m[1], m[2]
	if filter != "" && filter != "array" {
		return 0, problem(c.source, i, fmt.Sprintf("%s is not known after a parameter's name. Only array is", filter))
	}
	value, ok := c.values[name]
	if !ok {
		return 0, problem(c.source, i, fmt.Sprintf("There is no parameter %s. %s", name, c.known()))
	}
	list, isList := value.([]any)
	switch {
	case isList && filter == "":
		return 0, problem(c.source, i, fmt.Sprintf("%s is a list. Write {{ %s | array }}", name, name))
	case !isList && filter != "":
		return 0, problem(c.source, i, fmt.Sprintf("%s is no list. Write {{ %s }}", name, name))
	case !isList:
		c.bind(c.placeholder(name, value), i, i+len(m[0]))
	default:
		text, words := c.list(name, list)
		if words != "" {
			return 0, problem(c.source, i, words)
		}
		c.bind(text, i, i+len(m[0]))
	}
	c.word = ""
	return len(m[0]), nil
}

// bind writes the placeholders of the parameter at start, apart from words that touch it: a{{ v }} is no name a$1.
func (c *compiler) bind(text string, start, end int) {
	if before := c.out.String(); before != "" && wordByte(before[len(before)-1]) {
		text = " " + text
	}
	if end < len(c.source) && wordByte(c.source[end]) {
		text += " "
	}
	c.add(text, start, true)
}

func (c *compiler) known() string {
	names := make([]string, 0, len(c.values))
	for name := range c.values {
		names = append(names, name)
	}
	sort.Strings(names)
	if len(names) == 0 {
		return "This project has no parameters"
	}
	return "There are " + strings.Join(names, ", ")
}

// list writes the placeholders of a list; words say why it cannot.
func (c *compiler) list(name string, list []any) (text, words string) {
	if len(c.parens) == 0 || !c.parens[len(c.parens)-1] {
		if c.dialect.Placeholder != dialect.Dollar {
			return "", fmt.Sprintf("This database takes a list only inside in ( ... ). Write in ({{ %s | array }})", name)
		}
		return c.placeholder(name+"|array", texts(list)), ""
	}
	if len(list) == 0 {
		return "", fmt.Sprintf("%s is an empty list, and in ( ) needs a value. Choose at least one", name)
	}
	marks := make([]string, len(list))
	for i, v := range list {
		marks[i] = c.placeholder(name+"|"+strconv.Itoa(i), v)
	}
	return strings.Join(marks, ", "), ""
}

// texts is a list as the products that take arrays are given it.
func texts(list []any) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprint(v)
		if f, ok := v.(float64); ok {
			out[i] = strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return out
}

// placeholder binds a value. Where placeholders have numbers a value that is bound already keeps its own, so that the server
// sees that group by {{ unit }} means the same as select {{ unit }}.
func (c *compiler) placeholder(key string, value any) string {
	if n, ok := c.bound[key]; ok && c.dialect.Placeholder != dialect.Question {
		return mark(c.dialect.Placeholder, n)
	}
	c.args = append(c.args, value)
	c.bound[key] = len(c.args)
	return mark(c.dialect.Placeholder, len(c.args))
}

func mark(p dialect.Placeholder, n int) string {
	switch p {
	case dialect.Dollar:
		return "$" + strconv.Itoa(n)
	case dialect.AtP:
		return "@p" + strconv.Itoa(n)
	}
	return "?"
}

// position maps a 1-based offset in the statement to one in the source.
func (c *compiler) position(at int) int {
	n := sort.Search(len(c.pieces), func(i int) bool { return c.pieces[i].sent > at-1 })
	if n == 0 {
		return at
	}
	p := c.pieces[n-1]
	if p.placeholder {
		return p.typed + 1
	}
	return p.typed + at - p.sent
}
