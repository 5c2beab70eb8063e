package query

import (
	"errors"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
)

// What goes with a message is whole rows of at most so many bytes, says that it was cut, keeps formulas from running, and is decided
// for its reader at that moment, with the audit row of an export.
func TestAttachCSV(t *testing.T) {
	t.Parallel()
	s := &script{columns: []connectors.Column{{Name: "=name", Family: catalog.FamilyText}, {Name: "n", Family: catalog.FamilyInteger}}, rows: 10_000,
		row: func(int64) [][]byte { return [][]byte{[]byte("=cmd"), []byte("-1")} }}
	w := newWorld(t, s, Limits{})
	res := w.end(ann, w.keep(ann, ofCell("select *")).ID)
	csv, note, err := w.runner.AttachCSV(t.Context(), vera, res.ID, 1<<20)
	if err != nil || note != "" || !strings.HasPrefix(string(csv), "'=name,n\r\n'=cmd,-1\r\n") || strings.Count(string(csv), "\r\n") != 10_001 {
		t.Fatalf("%d lines, %.60q, %q, %v", strings.Count(string(csv), "\r\n"), csv, note, err)
	}
	csv, note, err = w.runner.AttachCSV(t.Context(), vera, res.ID, 100)
	if err != nil || len(csv) > 100 || !strings.HasSuffix(string(csv), "'=cmd,-1\r\n") || note != "Only the first 9 rows fit" || strings.Count(string(csv), "\r\n") != 10 {
		t.Errorf("cut: %q, %q, %v", csv, note, err)
	}
	rows, err := w.store.AuditRows(t.Context(), store.AuditFilter{Action: "result.export", Limit: 10})
	if err != nil || len(rows) != 2 || rows[0].ActorID != "vera" || rows[0].Outcome != "ok" {
		t.Errorf("audit %+v, %v", rows, err)
	}
	w.change(func(tx *store.Tx) error { return tx.SetPermissions(connection, nil, nil, false) })
	if csv, _, err := w.runner.AttachCSV(t.Context(), vera, res.ID, 100); !errors.As(err, new(*access.Denied)) || len(csv) > 0 {
		t.Errorf("for someone who is locked out: %q, %v", csv, err)
	}
	if csv, note, err := w.runner.AttachCSV(t.Context(), admin, "gone", 100); csv != nil || note == "" || err != nil {
		t.Errorf("of a result that is gone: %q, %q, %v", csv, note, err)
	}
}
