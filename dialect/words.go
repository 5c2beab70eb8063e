package dialect

import (
	"strings"

	"patchbay/catalog"
)

// reserved are words that the products of all our dialects, or some of them, do not take as a bare name. A word too many here
// costs two quotes; a word too few costs an error.
var reserved = func() map[string]bool {
	words := map[string]bool{}
	for _, w := range strings.Fields(`all alter analyse analyze and any array as asc asymmetric authorization between binary both by call
		cascade case cast change check collate collation column concurrently condition constraint continue convert create cross
		cube current_catalog current_date current_role current_schema current_time current_timestamp current_user cursor database
		databases default deferrable delayed delete desc describe distinct div do drop dual each else elseif end escape except exists
		exit explain false fetch for force foreign freeze from full fulltext function generated glob grant group groups having
		high_priority if ignore ilike in index inner insert intersect interval into is isnull join key keys kill lateral lead leading
		leave left like limit lines load localtime localtimestamp lock loop match mod natural not notnull null offset on only
		optimize option or order out outer over overlaps partition placing precision primary procedure qualify range rank read
		recursive references regexp rename repeat replace require restrict return returning revoke right rlike row rows schema
		schemas select separator session_user set show similar some spatial sql ssl starting straight_join summarize symmetric
		system table tables tablesample terminated then to trailing transaction trigger true undo union unique unlock unpivot unsigned
		update usage use user using values variadic verbose view when where while window with write xor zerofill`) {
		words[w] = true
	}
	return words
}()

// QuoteIfNeeded writes name bare where that means the same in every position, else quoted.
func (d *Dialect) QuoteIfNeeded(name string) string {
	if name == "" || reserved[strings.ToLower(name)] || name[0] >= '0' && name[0] <= '9' {
		return d.Quote(name)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		plain := c == '_' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !plain && (d.FoldsCase || c < 'A' || c > 'Z') {
			return d.Quote(name)
		}
	}
	return name
}

// Readable writes a path as a person would, each part quoted only where it must be.
func (d *Dialect) Readable(p catalog.Path) string {
	parts := make([]string, len(p))
	for i, part := range p {
		parts[i] = d.QuoteIfNeeded(part)
	}
	return strings.Join(parts, ".")
}
