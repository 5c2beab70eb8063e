package auth

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"patchbay/store"
)

// Whoever is refused from many addresses, of one /48 or of one /24, leaves room in the log for the refusals of others; who comes from
// everywhere fills it no further than to its bound. The next row that is kept says how many were left out.
func TestRefusalsFromOneHandLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refuse := func(ip string) {
		t.Helper()
		r := httptest.NewRequestWithContext(context.Background(), "GET", "/share/x", nil)
		r.RemoteAddr = "[" + ip + "]:1024"
		if err := w.AuditRefusal(t.Context(), r, store.AuditEntry{Action: "access.refused", ObjectType: "route", ObjectID: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() []store.AuditRow {
		t.Helper()
		rows, err := w.store.AuditRows(t.Context(), store.AuditFilter{Action: "access.refused", Limit: 2000})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	for i := range 400 {
		refuse(fmt.Sprintf("2001:db8:1:%x::1", i))
		refuse(fmt.Sprintf("192.0.2.%d", i%250))
	}
	if n := len(kept()); n != 2*refusalsAround {
		t.Fatalf("800 refusals from a /48 and a /24 keep %d rows, want %d", n, 2*refusalsAround)
	}
	refuse("2001:db8:2::1")
	if rows := kept(); len(rows) != 2*refusalsAround+1 || !strings.Contains(rows[0].Detail, `"left_out_before":300`) {
		t.Errorf("another's refusal is row %d and says %s", len(rows), rows[0].Detail)
	}
	for i := range 1000 {
		refuse(fmt.Sprintf("10.%d.%d.1", i/250, i%250))
	}
	if n := len(kept()); n != refusalsInAll {
		t.Errorf("refusals from everywhere keep %d rows, want %d", n, refusalsInAll)
	}
}
