package query

import (
	"strings"

	"patchbay/access"
)

// commentPart is how much of one value a comment holds.
const commentPart = 128

// comment is the statement comment that lets a database's administrator find who ran what. It stands between /* and */ and
// cannot end there: everything that is not plain in a value is percent-encoded, a star and a slash too.
func comment(who access.Actor, req Request) string {
	user := who.Email
	if user == "" {
		user = who.UserID
	}
	var b strings.Builder
	b.WriteString("patchbay")
	for _, part := range [][2]string{{"user", user}, {"project", req.ProjectID}, {"cell", req.CellID}, {"trace", who.RequestID}} {
		if part[1] != "" {
			b.WriteString(" " + part[0] + "=")
			writePlain(&b, part[1])
		}
	}
	return b.String()
}

func writePlain(b *strings.Builder, value string) {
	const hex = "0123456789ABCDEF"
	for i := 0; i < min(len(value), commentPart); i++ {
		c := value[i]
		plain := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("@._+-", c) >= 0
		if plain {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
}
