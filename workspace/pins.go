package workspace

import (
	"context"
	"fmt"

	"patchbay/access"
	"patchbay/store"
)

// maxPins is how many objects one person can pin.
const maxPins = 100

// SetPin pins an object of a connection that the actor may query, or takes the pin away; that is allowed of anything.
func (w *Workspace) SetPin(ctx context.Context, who access.Actor, n store.NodeRef, pinned bool) error {
	entry := store.AuditEntry{Who: who, Action: "node.unpin", ObjectType: "connection", ObjectID: n.ConnectionID, Detail: map[string]any{"path": n.Path.String()}}
	if !pinned {
		return w.Store.Update(ctx, entry, func(tx *store.Tx) error { return tx.Unpin(who.UserID, n) })
	}
	if !w.known(n.ConnectionID, n.Path) {
		return store.ErrNotFound
	}
	now := w.Now()
	return w.Store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		c, err := tx.Connection(n.ConnectionID)
		if err != nil {
			return entry, err
		}
		facts, project, err := connectionFacts(tx, c)
		if err != nil {
			return entry, err
		}
		if err := access.Query(who, facts, project); err != nil {
			return entry, err
		}
		pins, err := tx.Pins(who.UserID)
		if err != nil {
			return entry, err
		}
		if len(pins) >= maxPins {
			return entry, &LimitError{fmt.Sprintf("You have %d pins. Unpin one first", maxPins)}
		}
		entry := entry // the function may be run again
		entry.Action, entry.ObjectName = "node.pin", c.Name
		return entry, tx.Pin(who.UserID, n, now)
	})
}
