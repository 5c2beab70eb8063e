package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/claims"
	"patchbay/store"
)

// maxIDToken is how large an ID token may be to be kept for the provider's sign-out: it goes there in an address.
const maxIDToken = 4096

// An entrance is one sign-in on its way into the store. Its transaction may run several times.
type entrance struct {
	a       *Auth
	p       store.Provider
	f       flow
	proof   proof
	person  person
	session store.Session
	box     []byte // the sealed ID token; may be empty
	ids     map[string]string
	userID  string // of someone new
	old     []byte // session that the browser came with

	refused error // why there is no session after all, though something was written
	changed bool  // the person's role or groups
	user    store.User
}

// person is what claims say of who it is.
type person struct {
	email, name string
	verified    bool
}

func personOf(c map[string]any) person {
	text := func(name string) string {
		s, _ := c[name].(string)
		return strings.TrimSpace(strings.ToValidUTF8(s, ""))
	}
	p := person{email: text("email"), name: text("name")}
	p.verified = c["email_verified"] == true || c["email_verified"] == "true"
	if !validEmail(p.email) {
		p.email = ""
	}
	if p.name == "" {
		p.name = text("preferred_username")
	}
	if p.name == "" {
		p.name = p.email
	}
	p.name = string([]rune(p.name)[:min(len([]rune(p.name)), maxName)])
	return p
}

// enter finds or makes the account of whom the provider proved, gives it the role and groups that the rules say, and starts a
// session.
func (a *Auth) enter(ctx context.Context, w http.ResponseWriter, r *http.Request, p store.Provider, f flow, pr proof) error {
	id, err := newID()
	if err != nil {
		return err
	}
	plain, s := a.newSession(r, "")
	s.ProviderID, s.SID, s.Auth = p.ID, pr.SID, pr.AuthTime // where it does not say when, nothing was proved afresh (P45)
	if s.Auth.After(s.Created) {
		s.Auth = s.Created
	}
	switch {
	case f.Again != "" && pr.AuthTime.IsZero():
		return failed(p, CauseNoAuthTime, "", nil)
	case f.Again != "" && pr.AuthTime.Before(f.Started.Add(-clockSkew)):
		return failed(p, CauseNotAgain, "auth_time", nil)
	case !pr.AuthTime.IsZero() && pr.AuthTime.Before(f.Started.Add(-a.wholeTime-clockSkew)):
		return failed(p, CauseNotAgain, "max_age", errLongAgo)
	}
	e := &entrance{a: a, p: p, f: f, proof: pr, person: personOf(pr.Claims), session: s, ids: map[string]string{}, userID: id, old: a.oldSession(r)}
	if len(pr.IDToken) <= maxIDToken {
		if e.box, err = a.oidc.Keys.Seal([]byte(pr.IDToken), "id token", string(s.Hash)); err != nil {
			return fmt.Errorf("seal ID token: %w", err)
		}
	}
	if err := a.store.UpdateAudited(ctx, e.write); err != nil {
		return err
	}
	if e.changed && a.oidc.Changed != nil {
		err = a.oidc.Changed(ctx)
	}
	if e.refused != nil {
		gone := e.user.ID
		a.ended(func(who access.Actor) bool { return who.UserID == gone })
		return errors.Join(e.refused, err)
	}
	a.carrier.hand(w, r, sessionCookie, plain, 0)
	return err
}

// write is the transaction of an entrance.
func (e *entrance) write(tx *store.Tx) (store.AuditEntry, error) {
	e.refused, e.changed = nil, false
	p, err := tx.Provider(e.p.ID)
	if err != nil || !p.Enabled {
		return store.AuditEntry{}, errors.Join(err, store.ErrNotFound)
	}
	e.p = p
	identity, known, err := e.find(tx)
	if err != nil {
		return store.AuditEntry{}, err
	}
	last, err := lastOf(tx, e.user, identity, known)
	if err != nil {
		return store.AuditEntry{}, err
	}
	m := claims.Map(claims.Rules{Rules: p.Rules, Default: p.DefaultRole}, e.proof.Claims, last)
	identity.Warning, identity.Email, identity.ProviderID, identity.Seen = strings.Join(m.Warnings, ". "), e.person.email, p.ID, e.session.Created
	switch {
	case !m.Stale:
		identity.Stale = time.Time{}
	case identity.Stale.IsZero():
		identity.Stale = e.session.Created
	}
	entry := userEntry(actorOf(e.user), "user.sign_in", e.user.ID, e.user.Email)
	entry.Who.IP = e.session.IP
	entry.Detail = map[string]any{"provider": p.ID, "role": m.Role, "because": m.Why, "stale": m.Stale}
	if m.Role == "" {
		return entry, e.shutOut(tx, &entry, identity, m.Stale, known)
	}
	identity.Denied = false
	before := e.user.Role
	if err := e.settle(tx, &entry, m, last, known); err != nil {
		return entry, err
	}
	identity.UserID = e.user.ID
	if err := tx.PutIdentity(identity); err != nil {
		return entry, err
	}
	return entry, e.begin(tx, known && before != e.user.Role)
}

// find is whose the identity is: who had it before, an invited person whose address the provider verified in a domain that the
// Admin allowed, or someone new. The same address alone links nobody (P37).
func (e *entrance) find(tx *store.Tx) (i store.Identity, known bool, err error) {
	i, err = tx.Identity(e.proof.Issuer, e.proof.Subject)
	if err == nil {
		if e.user, err = tx.User(i.UserID); err == nil && e.user.Disabled {
			err = e.refusal(CauseDisabled, "")
		}
		if err == nil && e.f.Again != "" && e.f.Again != i.UserID {
			err = e.refusal(CauseNotAgain, "someone else")
		}
		return i, true, err
	}
	if !errors.Is(err, store.ErrNotFound) {
		return i, false, err
	}
	if e.f.Again != "" {
		return i, false, failed(e.p, CauseNotAgain, "someone else", nil)
	}
	switch {
	case e.person.email == "":
		return i, false, failed(e.p, CauseNoEmail, "", nil)
	case !e.addressCounts():
		return i, false, failed(e.p, CauseUnverified, "", nil)
	}
	i = store.Identity{Issuer: e.proof.Issuer, Subject: e.proof.Subject, Created: e.session.Created}
	e.user, err = tx.UserByEmail(e.person.email)
	if errors.Is(err, store.ErrNotFound) {
		e.user = store.User{ID: e.userID, Email: e.person.email, Name: e.person.name, Created: e.session.Created}
		return i, false, nil
	}
	if err == nil && !e.links() {
		err = failed(e.p, CauseEmailTaken, "", nil)
	}
	return i, err == nil, err
}

// addressCounts says whether the address is one that others may find the person by. Where people write it themselves at the provider,
// anybody could have a colleague's.
func (e *entrance) addressCounts() bool { return e.person.verified || e.p.TrustsEmail }

// refusal says why someone whom the provider proved is not let in.
func (e *entrance) refusal(cause ProviderCause, detail string) *ProviderError {
	return &ProviderError{Provider: e.p.Name, Cause: cause, Detail: detail, user: e.user}
}

// links says whether an account that has the same address is an invitation to whom the provider proved.
func (e *entrance) links() bool {
	_, domain, _ := strings.Cut(strings.ToLower(e.person.email), "@")
	invited := e.user.PasswordHash == "" && !e.user.External && !e.user.Disabled
	return invited && e.person.verified && slices.Contains(e.p.LinkDomains, domain)
}

// lastOf is what was known of someone until now. What an Admin chose for an invited person is no word of the provider's, and nor is
// the role that someone was left with who was let in no more.
func lastOf(tx *store.Tx, u store.User, i store.Identity, known bool) (claims.Last, error) {
	if !known || !u.External {
		return claims.Last{}, nil
	}
	groups, err := tx.ProviderGroups(u.ID)
	last := claims.Last{Role: u.Role}
	if i.Denied {
		last.Role = ""
	}
	for _, g := range groups {
		last.Groups = append(last.Groups, g.Name)
	}
	return last, err
}

// shutOut refuses someone whom no rule gives a role. Someone who had one keeps nothing of it: neither sessions nor what their
// API tokens could do, until they are let in again. Their groups go too, unless what the provider says is unknown (P38).
func (e *entrance) shutOut(tx *store.Tx, entry *store.AuditEntry, identity store.Identity, unknown, known bool) error {
	refusal := e.refusal(CauseNoRole, "")
	if unknown {
		refusal.Cause = CauseUnknown
	}
	if !known {
		refusal.user = store.User{} // nobody's account was made
	}
	if !known || !e.user.External {
		return refusal
	}
	entry.Action, entry.Outcome = "user.shut_out", "refused"
	refusal.recorded = true
	e.refused, e.changed = refusal, true
	entry.Detail["role_before"], entry.Detail["cause"] = e.user.Role, refusal.Cause
	identity.Denied = true
	if err := tx.PutIdentity(identity); err != nil {
		return err
	}
	e.user.Role, e.user.Updated = access.RoleGuest, e.session.Created
	if err := tx.UpdateUser(e.user); err != nil {
		return err
	}
	if !unknown {
		if err := tx.SetProviderGroups(e.user.ID, nil); err != nil {
			return err
		}
	}
	return tx.DeleteUserSessions(e.user.ID)
}

// settle gives the account the role, the groups and the name that the provider says.
func (e *entrance) settle(tx *store.Tx, entry *store.AuditEntry, m claims.Mapping, last claims.Last, known bool) error {
	before := e.user
	e.user.Role, e.user.Updated = m.Role, e.session.Created
	if known {
		if err := e.relabel(tx); err != nil {
			return err
		}
		entry.Detail["role_before"] = before.Role
	}
	var err error
	switch {
	case !known:
		entry.Detail["created"] = true
		err = tx.CreateUser(e.user)
	case before.Role != e.user.Role || before.Name != e.user.Name || before.Email != e.user.Email:
		err = tx.UpdateUser(e.user)
	}
	if err != nil {
		return err
	}
	ids, names, err := e.groups(tx, m.Groups)
	if err != nil {
		return err
	}
	entry.ObjectID, entry.ObjectName, entry.Who.UserID, entry.Who.Email, entry.Who.Name, entry.Who.Role = e.user.ID, e.user.Email, e.user.ID, e.user.Email, e.user.Name, e.user.Role
	entry.Detail["groups_before"], entry.Detail["groups"] = last.Groups, names
	e.changed = before.Role != e.user.Role || !slices.Equal(last.Groups, names)
	return tx.SetProviderGroups(e.user.ID, ids)
}

// relabel takes over name and address from the provider, the address where it counts; one that someone else has stays theirs.
func (e *entrance) relabel(tx *store.Tx) error {
	if e.person.name != "" {
		e.user.Name = e.person.name
	}
	if e.person.email == "" || !e.addressCounts() || strings.EqualFold(e.person.email, e.user.Email) {
		return nil
	}
	_, err := tx.UserByEmail(e.person.email)
	if errors.Is(err, store.ErrNotFound) {
		e.user.Email = e.person.email
		return nil
	}
	return err
}

// groups finds groups by name and makes those that are missing. Names that no group can have are left out.
func (e *entrance) groups(tx *store.Tx, names []string) (ids, kept []string, err error) {
	for _, name := range names {
		if !validGroup(name) {
			continue
		}
		g, err := tx.GroupByName(name)
		if errors.Is(err, store.ErrNotFound) {
			if g.ID, err = e.idFor(name); err == nil {
				err = tx.CreateGroup(store.Group{ID: g.ID, Name: name, Created: e.session.Created})
			}
		}
		if err != nil {
			return nil, nil, err
		}
		ids, kept = append(ids, g.ID), append(kept, name)
	}
	return ids, kept, nil
}

// idFor is the id of a new group, the same each time the transaction is run.
func (e *entrance) idFor(name string) (string, error) {
	if id, ok := e.ids[name]; ok {
		return id, nil
	}
	id, err := newID()
	e.ids[name] = id
	return id, err
}

func validGroup(name string) bool {
	builtIn := []string{access.GroupMembers, access.GroupGuests, access.GroupPublic}
	return name != "" && len([]rune(name)) <= maxName && !slices.Contains(builtIn, strings.ToLower(name))
}

// begin keeps the session. Someone who proved once more that it is them has a new session in place of the old one, no longer. With
// another role, sessions of before are worth nothing (P43).
func (e *entrance) begin(tx *store.Tx, otherRole bool) error {
	s := e.session
	s.UserID = e.user.ID
	if e.f.Again != "" {
		old, err := tx.SessionByHash(e.old)
		if err != nil || old.UserID != e.user.ID {
			return failed(e.p, CauseNotAgain, "session", err)
		}
		s.ID, s.Created, s.Ends = old.ID, old.Created, old.Ends
	}
	if otherRole {
		if err := tx.DeleteUserSessions(e.user.ID); err != nil {
			return err
		}
	}
	if err := e.a.replaceSession(tx, e.old, s); err != nil {
		return err
	}
	if len(e.box) == 0 {
		return nil
	}
	return tx.KeepIDToken(s.Hash, e.box)
}
