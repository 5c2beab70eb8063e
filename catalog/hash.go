package catalog

import "crypto/sha256"

// A Hash stands for the content of a table: two tables have the same one when Encode writes them the same. It is all that a
// comparison remembers of a table. Eight bytes are enough: a hash is compared with the one of the same table before and with no
// other, so that a change goes unseen once in 2^64 changes; and who finds two tables alike by trying has hidden a change of
// their own table.
type Hash [8]byte

// HashOf is the hash of a table's canonical form.
func HashOf(body []byte) Hash {
	sum := sha256.Sum256(body)
	return Hash(sum[:8])
}
