package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// shareKey is what wrong web links are counted by. They are counted apart from passwords: whoever guesses the one must not keep
// their neighbours from the other.
const shareKey = "share "

// maxWebLinks bounds the web links of one project.
const maxWebLinks = 50

// CreateWebLink makes a link by which anyone views a project, and shares the project with the web where it is not yet. It
// returns the token in the link, which nothing can show again. Zero expires is never.
func (a *Auth) CreateWebLink(ctx context.Context, who access.Actor, projectID, name string, expires time.Time) (token string, err error) {
	name = strings.TrimSpace(name)
	if n := len([]rune(name)); n == 0 || n > maxName {
		return "", &FieldError{"name", fmt.Sprintf("Say whom the link is for, in 1 to %d characters", maxName)}
	}
	if !expires.IsZero() && !expires.After(a.now()) {
		return "", &FieldError{"days", "Choose a time in the future"}
	}
	id, err := newID()
	if err != nil {
		return "", err
	}
	token, hash := newSecret()
	link := store.WebLink{ID: id, ProjectID: projectID, Name: name, Hash: hash, CreatedBy: who.UserID, Created: a.now(), Expires: expires}
	err = a.changeWebLinks(ctx, who, projectID, "project.web_link_create", func(tx *store.Tx, entry *store.AuditEntry) error {
		links, err := tx.WebLinks(projectID)
		if err != nil {
			return err
		}
		if len(links) >= maxWebLinks {
			return &FieldError{"name", fmt.Sprintf("A project has at most %d links. Revoke one first", maxWebLinks)}
		}
		entry.Detail["link"], entry.Detail["name"], entry.Detail["expires"] = id, name, expires
		if err := shareWithWeb(tx, projectID); err != nil {
			return err
		}
		return tx.CreateWebLink(link)
	})
	if err != nil {
		return "", fmt.Errorf("create web link: %w", err)
	}
	return token, nil
}

// shareWithWeb gives the web Can view on a project, which decides what its links open.
func shareWithWeb(tx *store.Tx, projectID string) error {
	p, err := tx.Project(projectID)
	if err != nil {
		return err
	}
	for _, s := range p.Shares {
		if s.To == "web" {
			return nil
		}
	}
	return tx.SetShares(projectID, append(p.Shares, access.Share{To: "web", Access: access.View}))
}

// ReplaceWebLink gives a link another token; the one before opens nothing from then on.
func (a *Auth) ReplaceWebLink(ctx context.Context, who access.Actor, projectID, id string) (token string, err error) {
	token, hash := newSecret()
	err = a.changeWebLinks(ctx, who, projectID, "project.web_link_replace", func(tx *store.Tx, entry *store.AuditEntry) error {
		entry.Detail["link"] = id
		return tx.ReplaceWebLink(projectID, id, hash)
	})
	if err != nil {
		return "", fmt.Errorf("replace web link: %w", err)
	}
	return token, nil
}

// RevokeWebLink ends a link at once. With the last one the project is not shared with the web any more.
func (a *Auth) RevokeWebLink(ctx context.Context, who access.Actor, projectID, id string) error {
	return a.changeWebLinks(ctx, who, projectID, "project.web_link_revoke", func(tx *store.Tx, entry *store.AuditEntry) error {
		entry.Detail["link"] = id
		if err := tx.DeleteWebLink(projectID, id); err != nil {
			return err
		}
		left, err := tx.WebLinks(projectID)
		if err != nil || len(left) > 0 {
			return err
		}
		p, err := tx.Project(projectID)
		if err != nil {
			return err
		}
		var kept []access.Share
		for _, s := range p.Shares {
			if s.To != "web" {
				kept = append(kept, s)
			}
		}
		return tx.SetShares(projectID, kept)
	})
}

// changeWebLinks runs do for someone who may share the project, with its audit entry.
func (a *Auth) changeWebLinks(ctx context.Context, who access.Actor, projectID, action string, do func(*store.Tx, *store.AuditEntry) error) error {
	return a.store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		p, err := tx.Project(projectID)
		if err != nil {
			return entry, err
		}
		facts, err := tx.ProjectFacts(projectID)
		if err != nil {
			return entry, err
		}
		if err := access.ShareProject(who, facts); err != nil {
			return entry, err
		}
		entry = store.AuditEntry{Who: who, Action: action, ObjectType: "project", ObjectID: p.ID, ObjectName: p.Name, Detail: map[string]any{}}
		return entry, do(tx, &entry)
	})
}

// OpenWebLink is the project that a link opens to the anonymous visitor at this moment. Wrong, revoked, expired and forbidden
// are all store.ErrNotFound; too many of them from one network are a *LimitedError (P20).
func (a *Auth) OpenWebLink(ctx context.Context, ip, token string) (projectID string, err error) {
	now := a.now()
	try := attempt{shareKey + Network(ip): networkDelay}
	if wait := a.attempts.begin(try, now); wait > 0 {
		return "", &LimitedError{wait}
	}
	var link store.WebLink
	hash := hashOf(token)
	err = a.store.View(ctx, func(tx *store.Tx) (err error) {
		link, err = openLink(tx, hash, now)
		return err
	})
	if _, opened := a.opened.Load(string(hash)); opened || !errors.Is(err, store.ErrNotFound) {
		a.attempts.undo(try, now)
	}
	if err != nil {
		return "", err
	}
	a.opened.Store(string(hash), nil)
	if now.Sub(link.Used) >= seenEvery {
		// When this cannot be written, last used is shown too early; the link works all the same.
		_ = a.store.Maintain(ctx, func(tx *store.Tx) error { return tx.TouchWebLink(link.ID, now) })
	}
	return link.ProjectID, nil
}

// WebLinkOpens refuses, as OpenWebLink does, a link that a page was opened by before and that opens nothing any more. It counts no
// guess and notes no use.
func (a *Auth) WebLinkOpens(ctx context.Context, token string) error {
	return a.store.View(ctx, func(tx *store.Tx) error {
		_, err := openLink(tx, hashOf(token), a.now())
		return err
	})
}

// openLink finds a link that may be used now. The project is asked for whether there is a link or not, and before its expiry is
// looked at: what time a refusal takes differs by a read of the project, a fraction of a millisecond.
func openLink(tx *store.Tx, hash []byte, now time.Time) (store.WebLink, error) {
	link, err := tx.WebLinkByHash(hash)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return link, err
	}
	p, err := tx.ProjectFacts(link.ProjectID)
	if err != nil {
		return link, err
	}
	expired := !link.Expires.IsZero() && !now.Before(link.Expires)
	if access.ViewProject(access.Actor{}, p) != nil || expired {
		return link, store.ErrNotFound
	}
	return link, nil
}
