package workspace

import (
	"context"
	"fmt"

	"patchbay/access"
	"patchbay/store"
)

// mayEndOf lets people end their own sessions and tokens, in a session of theirs, and Admins those of anyone.
func mayEndOf(who access.Actor, userID, action string) error {
	if who.UserID == userID {
		return access.ScopeAllows(who, access.ScopeSession)
	}
	return access.AdminOnly(who, action)
}

// Sessions are where someone is signed in, the last used first. People may ask it of themselves, Admins of anyone.
func (w *Workspace) Sessions(ctx context.Context, who access.Actor, userID string) ([]store.Session, error) {
	if who.UserID != userID {
		if err := access.AdminOnly(who, "see someone else's sessions"); err != nil {
			return nil, err
		}
	}
	if _, err := w.Store.User(ctx, userID); err != nil {
		return nil, err
	}
	return w.Store.UserSessions(ctx, userID)
}

// EndSession ends one session of someone, with what runs in it.
func (w *Workspace) EndSession(ctx context.Context, who access.Actor, userID, sessionID string) error {
	return w.endOf(ctx, who, userID, "session.end", func(tx *store.Tx, entry *store.AuditEntry) error {
		entry.Detail["session"] = sessionID
		return tx.EndSession(userID, sessionID)
	})
}

// EndSessions ends every session of someone, with what runs in them.
func (w *Workspace) EndSessions(ctx context.Context, who access.Actor, userID string) error {
	return w.endOf(ctx, who, userID, "session.end_all", func(tx *store.Tx, _ *store.AuditEntry) error { return tx.DeleteUserSessions(userID) })
}

// EndOtherSessions ends every session of whoever asks but the one they ask in.
func (w *Workspace) EndOtherSessions(ctx context.Context, who access.Actor) error {
	return w.endOf(ctx, who, who.UserID, "session.end_others", func(tx *store.Tx, _ *store.AuditEntry) error {
		return tx.EndOtherSessions(who.UserID, who.SessionID)
	})
}

// RevokeToken ends an API token of someone, with what runs by it.
func (w *Workspace) RevokeToken(ctx context.Context, who access.Actor, userID, tokenID string) error {
	return w.endOf(ctx, who, userID, "token.revoke", func(tx *store.Tx, entry *store.AuditEntry) error {
		t, err := tx.APIToken(userID, tokenID)
		if err != nil {
			return err
		}
		entry.Detail["user"] = entry.ObjectName
		entry.ObjectType, entry.ObjectID, entry.ObjectName = "token", t.ID, t.Name
		return tx.DeleteAPIToken(tokenID)
	})
}

// endOf is an act that ends sessions or tokens of someone.
func (w *Workspace) endOf(ctx context.Context, who access.Actor, userID, action string, end func(*store.Tx, *store.AuditEntry) error) error {
	if err := mayEndOf(who, userID, "end someone else's sessions"); err != nil {
		return err
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		u, err := tx.User(userID)
		if err != nil {
			return entry, err
		}
		entry = userEntry(who, action, u)
		return entry, end(tx, &entry)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}
