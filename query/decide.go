package query

import (
	"errors"
	"fmt"
	"slices"

	"patchbay/access"
	"patchbay/store"
)

// Current is the actor with the role and groups that the store has now: what a long-lived page or stream once knew of them
// does not count (P44). Someone who may not sign in any more, or whose session or token has ended or run out, is *access.Denied.
func (r *Runner) Current(tx *store.Tx, who access.Actor) (access.Actor, error) {
	if who.Anonymous() {
		return who, nil
	}
	u, err := tx.User(who.UserID)
	if errors.Is(err, store.ErrNotFound) || err == nil && u.Disabled {
		return who, &access.Denied{Action: "act as this user", Because: []access.Reason{{Rule: "user", Words: "This account cannot sign in any more"}}}
	}
	if err != nil {
		return who, fmt.Errorf("read user: %w", err)
	}
	who.Role, who.Groups = u.Role, u.Groups
	if who.SessionID == "" {
		return who, mayActFor(tx, u)
	}
	lasts, err := r.lasts(tx, who, u)
	if err != nil {
		return who, fmt.Errorf("read session: %w", err)
	}
	if !lasts {
		return who, &access.Denied{Action: "act in this session", Because: []access.Reason{{Rule: "session", Words: "This session has ended. Sign in again"}}}
	}
	return who, nil
}

// mayActFor decides whether the server itself may act for someone who is not there.
func mayActFor(tx *store.Tx, u store.User) error {
	may, err := tx.MayAct(u)
	if err != nil {
		return fmt.Errorf("read user: %w", err)
	}
	if !may {
		return &access.Denied{Action: "act as this user", Because: []access.Reason{{Rule: "user", Words: "The sign-in provider of this account lets it in no more"}}}
	}
	return nil
}

// lasts says whether an actor's session or API token would still let them in, as package auth decides it for a request.
func (r *Runner) lasts(tx *store.Tx, who access.Actor, u store.User) (bool, error) {
	if who.Scope == access.ScopeSession {
		s, err := tx.Session(who.UserID, who.SessionID)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil && !r.sessions.Over(s, r.now()), err
	}
	t, err := tx.APIToken(who.UserID, who.SessionID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !t.Expires.IsZero() && !r.now().Before(t.Expires) {
		return false, nil
	}
	if err != nil || !u.External {
		return err == nil, err
	}
	return tx.KnownToAProvider(u.ID)
}

// mayRun decides whether who may run the request, and answers with the connection as it is now.
func (r *Runner) mayRun(tx *store.Tx, who access.Actor, req Request) (store.Connection, error) {
	who, err := r.Current(tx, who)
	if err != nil {
		return store.Connection{}, err
	}
	c, err := tx.Connection(req.ConnectionID)
	if err != nil {
		return c, fmt.Errorf("read connection: %w", err)
	}
	p, err := tx.Owner(c)
	if err != nil {
		return c, err
	}
	if err := access.Query(who, c.Access(), p); err != nil {
		return c, err
	}
	if req.ProjectID == "" {
		return c, nil
	}
	return c, mayRunIn(tx, who, req.ProjectID, c.ID)
}

// mayRunIn decides whether who may run cells in the project, and whether the project uses the connection.
func mayRunIn(tx *store.Tx, who access.Actor, projectID, connectionID string) error {
	p, err := tx.ProjectFacts(projectID)
	if err != nil {
		return err
	}
	if err := access.RunCells(who, p); err != nil {
		return err
	}
	if !slices.ContainsFunc(p.Uses, func(c access.Connection) bool { return c.ID == connectionID }) {
		return &access.Denied{Action: "query a connection in a project", Because: []access.Reason{{Rule: "import",
			Words: "The project does not use this connection. Import it first", ConnectionID: connectionID}}}
	}
	return nil
}

// mayRead decides whether who may see a kept result, and answers with the actor as the store knows them now.
func (r *Runner) mayRead(tx *store.Tx, who access.Actor, res store.Result) (access.Actor, error) {
	who, err := r.Current(tx, who)
	if err != nil {
		return who, err
	}
	p, err := tx.ProjectFacts(res.ProjectID)
	if err != nil {
		return who, err
	}
	if err := access.ViewProject(who, p); err != nil {
		return who, err
	}
	c, err := tx.Connection(res.ConnectionID)
	if err != nil {
		return who, fmt.Errorf("read connection of result: %w", err)
	}
	owner, err := tx.Owner(c)
	if err != nil {
		return who, err
	}
	return who, access.ViewResults(who, c.Access(), owner)
}

// mayCancel decides whether who may cancel the run of a result.
func (r *Runner) mayCancel(tx *store.Tx, who access.Actor, res store.Result) error {
	if !who.Anonymous() && who.UserID == res.RunBy {
		return nil
	}
	who, err := r.Current(tx, who)
	if err != nil {
		return err
	}
	p, err := tx.ProjectFacts(res.ProjectID)
	if err != nil {
		return err
	}
	return access.RunCells(who, p)
}

// readOnly says whether the statement's session must refuse writes: always, except where the request may write, the
// connection has Allow writeback on, and the token in use is for more than reading.
func readOnly(who access.Actor, req Request, c store.Connection) bool {
	return !req.Write || !c.AllowWriteback || access.ScopeAllows(who, access.ScopeWrite) != nil
}
