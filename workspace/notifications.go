package workspace

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/notify"
	"patchbay/store"
)

// NotificationEvents are what people may be told of.
var NotificationEvents = []string{store.EventSchemaChanged, store.EventRefreshFailing, store.EventRefreshRecovered, store.EventRefreshNeedsLook}

// maxTargets is how many a connection may tell.
const maxTargets = 20

// A TargetInput is whom a connection is to tell, as a form or API body has it.
type TargetInput struct {
	Kind    string // webhook, email
	Address string // a URL or an e-mail address
	Events  []string
}

// AddTarget makes a workspace connection tell someone of events. Of a webhook it returns the key that signs what is sent, which is
// never told again.
func (w *Workspace) AddTarget(ctx context.Context, who access.Actor, connectionID string, in TargetInput) (key string, err error) {
	if err := access.AdminOnly(who, "choose whom a connection tells"); err != nil {
		return "", err
	}
	in.Address = strings.TrimSpace(in.Address)
	t := store.NotificationTarget{ConnectionID: connectionID, Kind: in.Kind, CreatedBy: who.UserID, Created: w.Now()}
	bad := map[string]string{}
	for _, event := range NotificationEvents {
		if slices.Contains(in.Events, event) {
			t.Events = append(t.Events, event)
		}
	}
	if len(t.Events) == 0 || len(t.Events) != len(in.Events) {
		bad["events"] = "Choose at least one"
	}
	switch {
	case in.Kind == "webhook":
		if t.Shown, err = notify.ParseURL(in.Address); err != nil {
			bad["address"] = err.Error()
		}
	case in.Kind == "email" && w.Notify.Mail.On():
		a, err := mail.ParseAddress(in.Address)
		if err != nil || a.Address != in.Address || len(in.Address) > 254 {
			bad["address"] = "Enter one e-mail address, such as data@example.com"
		}
		t.Shown = in.Address
	default:
		bad["kind"] = "Choose webhook, or e-mail where a mail server is set up"
	}
	if len(bad) > 0 {
		return "", &Invalid{Fields: bad}
	}
	if t.ID, err = newID(); err != nil {
		return "", err
	}
	if t.Kind == "webhook" {
		key = rand.Text()
		if t.Box, err = w.Notify.Seal(t.ID, notify.Hook{URL: in.Address, Key: key}); err != nil {
			return "", err
		}
	}
	return key, w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, err := workspaceConnection(tx, connectionID)
		if err != nil {
			return entry, err
		}
		there, err := tx.Targets(connectionID)
		if err == nil && len(there) >= maxTargets {
			err = invalid("address", fmt.Sprintf("This connection tells %d already. Remove one first", maxTargets))
		}
		if err != nil {
			return entry, err
		}
		return targetEntry(who, "connection.notify", c, t), tx.CreateTarget(t)
	})
}

// RemoveTarget ends telling someone.
func (w *Workspace) RemoveTarget(ctx context.Context, who access.Actor, connectionID, targetID string) error {
	if err := access.AdminOnly(who, "choose whom a connection tells"); err != nil {
		return err
	}
	return w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, t, err := targetOf(tx, connectionID, targetID)
		if err != nil {
			return entry, err
		}
		return targetEntry(who, "connection.notify_remove", c, t), tx.DeleteTarget(connectionID, targetID)
	})
}

// TestTarget sends a message that says that it is a test. failed is why it did not arrive, in words.
func (w *Workspace) TestTarget(ctx context.Context, who access.Actor, connectionID, targetID string) (failed, err error) {
	if err := access.AdminOnly(who, "test a notification"); err != nil {
		return nil, err
	}
	done, err := w.tests.begin(who.UserID, w.Now())
	if err != nil {
		return nil, err
	}
	defer done()
	var c store.Connection
	var t store.NotificationTarget
	err = w.Store.View(ctx, func(tx *store.Tx) (err error) {
		c, t, err = targetOf(tx, connectionID, targetID)
		return err
	})
	if err != nil {
		return nil, err
	}
	failed = w.Notify.Test(ctx, t, c.Name)
	entry := targetEntry(who, "connection.notify_test", c, t)
	if failed != nil {
		entry.Outcome = "failed"
	}
	return failed, w.Store.Audit(context.WithoutCancel(ctx), entry)
}

func targetOf(tx *store.Tx, connectionID, targetID string) (c store.Connection, t store.NotificationTarget, err error) {
	if t, err = tx.Target(targetID); err == nil && t.ConnectionID != connectionID {
		err = store.ErrNotFound
	}
	if err != nil {
		return c, t, err
	}
	c, err = workspaceConnection(tx, connectionID)
	return c, t, err
}

func targetEntry(who access.Actor, action string, c store.Connection, t store.NotificationTarget) store.AuditEntry {
	entry := connectionEntry(who, action, c)
	entry.Detail["kind"], entry.Detail["to"], entry.Detail["events"] = t.Kind, t.Shown, t.Events
	return entry
}
