package catalog

import (
	"crypto/sha256"
	"encoding/binary"
)

// A Hash stands for the content of a table: two tables have the same one when everything about them but their path and the noise
// of a row estimate is alike. It is all that a comparison remembers of a table. Eight bytes are enough: a hash is compared with the one
// of the same table before and with no other, so that a change goes unseen once in 2^64 changes; and who finds two tables alike by
// trying has hidden a change of their own table.
type Hash [8]byte

// hashVersion is part of what is hashed: another way of writing a table down needs another number. Hashes that are stored then differ
// once, and a refresh writes every table anew without calling it changed.
const hashVersion = 2

// HashOf is the hash of a table. Unlike what is stored of it, what is hashed is written down for speed, not for size: a refresh
// that finds nothing changed does little else.
func HashOf(t Table) Hash {
	var space [4096]byte
	b := append(space[:0], hashVersion, number(kinds, t.Kind), flag(t.Unreadable))
	b = binary.AppendUvarint(b, uint64(RoundRows(t.Rows)+1))
	b = appendPlain(b, t.Comment)
	for i := range t.Columns {
		c := &t.Columns[i]
		b = append(b, flag(c.Nullable)|flag(c.References != nil)<<1, number(families, c.Family))
		b = appendPlain(b, c.Name)
		b = appendPlain(b, c.Type)
		b = appendPlain(b, c.Default)
		b = appendPlain(b, c.Comment)
		b = binary.AppendUvarint(b, uint64(c.PrimaryKey))
		if c.References != nil {
			b = binary.AppendUvarint(b, uint64(len(c.References.Table)))
			for _, part := range c.References.Table {
				b = appendPlain(b, part)
			}
			b = appendPlain(b, c.References.Column)
		}
	}
	sum := sha256.Sum256(b)
	return Hash(sum[:8])
}

// appendPlain writes a text with its length before it, so that two texts in a row cannot be mistaken for two others.
func appendPlain(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
