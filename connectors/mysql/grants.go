package mysql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"patchbay/catalog"
)

// grants are what the user may see by its rights. information_schema lists nothing else, so that a right that was taken away looks
// like a drop: what is not listed any more is gone only where the right to see it is still there. Rights outlive what they are for.
type grants struct {
	all       bool           // every table of every database
	databases bool           // the name of every database
	patterns  []string       // databases whose every table is seen, as patterns of LIKE
	tables    []catalog.Path // single tables
}

// readGrants asks for the rights of the user, those of its active roles among them. A server that does not tell is one of which
// nothing is sure.
func (s *source) readGrants(ctx context.Context) (g grants, err error) {
	revoked := false
	err = each(ctx, s.db, "show grants", nil, func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil {
			return err
		}
		revoked = g.add(line) || revoked
		return nil
	})
	var own *mysql.MySQLError
	if errors.As(err, &own) {
		return grants{}, nil
	}
	if revoked { // from what was granted for all databases
		g.all, g.databases = false, false
	}
	return g, err
}

// add takes a line of SHOW GRANTS, and says whether it takes rights away.
func (g *grants) add(line string) (revokes bool) {
	tokens := tokensOf(line)
	on := slices.Index(tokens, "ON")
	if len(tokens) == 0 || on < 0 {
		return false // a role: its rights stand in lines of their own
	}
	if tokens[0] == "REVOKE" {
		return true
	}
	name := tokens[on+1:]
	if len(name) > 0 && name[0] == "TABLE" {
		name = name[1:]
	}
	if len(name) < 3 || name[1] != "." {
		return false
	}
	database, table := name[0], name[2]
	rights := strings.Join(tokens[1:on], " ")
	selects := slices.Contains(tokens[1:on], "SELECT") || on > 1 && tokens[1] == "ALL" // ALLOW_NONEXISTENT_DEFINER is another right
	switch {
	case database == "*":
		g.all = g.all || selects
		g.databases = g.databases || selects || strings.Contains(rights, "SHOW DATABASES")
	case !selects || !strings.HasPrefix(database, "`"):
	case table == "*":
		g.patterns = append(g.patterns, database[1:])
	case strings.HasPrefix(table, "`"):
		g.tables = append(g.tables, catalog.Path{database[1:], table[1:]})
	}
	return false
}

// tokensOf are the words of a grant. A quoted name is one word, marked by a backquote in front; lists of columns are left out.
func tokensOf(line string) (tokens []string) {
	depth := 0
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == ' ' || c == ',':
			i++
			continue
		case c == '(':
			depth++
			i++
			continue
		case c == ')':
			depth--
			i++
			continue
		}
		token, n := tokenOf(line[i:])
		if i += n; depth == 0 {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// tokenOf is the token at the start of a text, and how long it is there.
func tokenOf(text string) (token string, n int) {
	quote := text[0]
	if quote != '`' && quote != '"' && quote != '\'' {
		if n = strings.IndexAny(text, " ,().`\"'"); n == 0 {
			n = 1 // a dot
		} else if n < 0 {
			n = len(text)
		}
		return text[:n], n
	}
	name := []byte{'`'}
	for n = 1; n < len(text); n++ {
		if text[n] == quote {
			if n+1 == len(text) || text[n+1] != quote {
				return string(name), n + 1
			}
			n++
		}
		name = append(name, text[n])
	}
	return string(name), n
}

// and is what both hold.
func (g grants) and(other grants) grants {
	patterns, tables := map[string]bool{}, map[string]bool{}
	for _, pattern := range other.patterns {
		patterns[pattern] = true
	}
	for _, table := range other.tables {
		tables[table.String()] = true
	}
	return grants{all: g.all && other.all, databases: g.databases && other.databases,
		patterns: slices.DeleteFunc(g.patterns, func(pattern string) bool { return !patterns[pattern] }),
		tables:   slices.DeleteFunc(g.tables, func(table catalog.Path) bool { return !tables[table.String()] }),
	}
}

// whole says whether all tables of a database are listed.
func (g grants) whole(database string) bool {
	return g.all || slices.ContainsFunc(g.patterns, func(pattern string) bool { return like(pattern, database) })
}

// done says which parts, beside the databases that were listed, were read so that what is not listed in them is gone. listed are
// those databases, by whether they were read.
func (g grants) done(listed map[string]bool, to catalog.Sink) error {
	sure := g.databases
	for name := range listed {
		sure = sure && g.whole(name)
	}
	if sure {
		return to.Done(nil)
	}
	for _, pattern := range g.patterns {
		name := unescaped(pattern) // which the pattern matches, whatever else it does
		if _, is := listed[name]; !is {
			if err := to.Done(catalog.Path{name}); err != nil {
				return err
			}
		}
	}
	for _, table := range g.tables {
		if read, is := listed[table[0]]; read || !is {
			if err := to.Done(table); err != nil {
				return err
			}
		}
	}
	return nil
}

// like is LIKE with the backslash as escape.
func like(pattern, text string) bool {
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '%':
			for at := range len(text) + 1 {
				if like(pattern[i+1:], text[at:]) {
					return true
				}
			}
			return false
		case text == "":
			return false
		case pattern[i] == '_':
			_, n := utf8.DecodeRuneInString(text)
			text = text[n:]
			continue
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
		}
		if pattern[i] != text[0] {
			return false
		}
		text = text[1:]
	}
	return text == ""
}

// unescaped is a pattern without its escapes.
func unescaped(pattern string) string {
	return strings.NewReplacer(`\\`, `\`, `\%`, `%`, `\_`, `_`).Replace(pattern)
}
