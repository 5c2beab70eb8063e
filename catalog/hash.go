package catalog

import "crypto/sha256"

// A Hash stands for the content of a table: two tables have the same one when Encode writes them the same. It is all that a
// comparison remembers of a table.
type Hash [16]byte

// HashOf is the hash of a table's stored form.
func HashOf(body []byte) Hash {
	sum := sha256.Sum256(body)
	return Hash(sum[:16])
}
