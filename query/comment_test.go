package query

import (
	"strings"
	"testing"

	"patchbay/access"
)

func TestCommentCannotBeLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ email, want string }{
		{"ann@example.com", "patchbay user=ann@example.com project=p cell=c trace=r"},
		{"a*/drop table x;/*@example.com", "patchbay user=a%2A%2Fdrop%20table%20x%3B%2F%2A@example.com project=p cell=c trace=r"},
		{"a\nb\x00é@example.com", "patchbay user=a%0Ab%00%C3%A9@example.com project=p cell=c trace=r"},
	} {
		got := comment(access.Actor{Email: c.email, RequestID: "r"}, Request{ProjectID: "p", CellID: "c"})
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	long := comment(access.Actor{UserID: strings.Repeat("*", 1000)}, Request{})
	if len(long) > 3*commentPart+20 || strings.ContainsAny(long, "*/") {
		t.Errorf("a long name makes %q", long)
	}
}
