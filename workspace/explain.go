package workspace

import (
	"context"

	"patchbay/access"
	"patchbay/store"
)

// AnonymousUser is the name by which the web visitor is asked for.
const AnonymousUser = "anonymous"

// subject is the user that an explanation is about.
func subject(tx *store.Tx, id string) (user access.Actor, disabled bool, err error) {
	if id == AnonymousUser {
		return access.Actor{}, false, nil
	}
	u, err := tx.User(id)
	return ActorOf(u), u.Disabled, err
}

// ExplainConnection is what a user may do with a connection and why, by the decision that every act asks. Admins may ask it of
// anyone, others of themselves.
func (w *Workspace) ExplainConnection(ctx context.Context, who access.Actor, userID, connectionID string) (access.ConnectionDecision, error) {
	if err := mayExplain(who, userID); err != nil {
		return access.ConnectionDecision{}, err
	}
	return view(ctx, w.Store, func(tx *store.Tx) (access.ConnectionDecision, error) {
		user, disabled, err := subject(tx, userID)
		if err != nil {
			return access.ConnectionDecision{}, err
		}
		c, err := tx.Connection(connectionID)
		if err != nil {
			return access.ConnectionDecision{}, err
		}
		v, err := connectionView(tx, user, c)
		if err == nil && !who.IsAdmin() && !exists(who, v) {
			err = store.ErrNotFound
		}
		if disabled {
			v.Decision = access.ConnectionDecision{Because: []access.Reason{access.Disabled()}}
		}
		return v.Decision, err
	})
}

// ExplainProject is what a user may do in a project and why.
func (w *Workspace) ExplainProject(ctx context.Context, who access.Actor, userID, projectID string) (access.ProjectDecision, error) {
	if err := mayExplain(who, userID); err != nil {
		return access.ProjectDecision{}, err
	}
	return view(ctx, w.Store, func(tx *store.Tx) (access.ProjectDecision, error) {
		user, disabled, err := subject(tx, userID)
		if err != nil {
			return access.ProjectDecision{}, err
		}
		p, err := tx.Project(projectID)
		if err != nil {
			return access.ProjectDecision{}, err
		}
		v, _, err := projectView(tx, user, p)
		if err == nil && !who.IsAdmin() && v.Decision.Access == access.None && !v.Decision.LockedOut {
			err = store.ErrNotFound
		}
		if disabled {
			v.Decision = access.ProjectDecision{Because: []access.Reason{access.Disabled()}}
		}
		return v.Decision, err
	})
}

func mayExplain(who access.Actor, userID string) error {
	if userID == who.UserID {
		return nil
	}
	return access.AdminOnly(who, "explain someone else's access")
}
