package workspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"golang.org/x/crypto/ssh"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/secret"
	"patchbay/store"
)

// An Opener turns a stored connection into an open source. It unseals the secrets for that one use.
type Opener struct {
	Store     *store.Store
	Registry  *connectors.Registry
	Keys      *secret.Ring
	FilesDir  string   // where the files of embedded products lie
	Forbidden []string // the store's own files, which no connection may open (P7)
	SSHKey    ssh.Signer
}

// owner is the associated data that a connection's secret is sealed with: it opens in this row, this field and towards this
// destination only (P12, P27).
func owner(connectionID, field, destination string) []string {
	return []string{"connection", connectionID, field, destination}
}

// seal seals each secret for its place.
func (o *Opener) seal(id, destination string, secrets connectors.Secrets) (map[string][]byte, error) {
	boxes := make(map[string][]byte, len(secrets))
	for field, s := range secrets {
		if s.IsZero() {
			continue
		}
		box, err := o.Keys.Seal([]byte(s.Reveal()), owner(id, field, destination)...)
		if err != nil {
			return nil, fmt.Errorf("seal %s: %w", field, err)
		}
		boxes[field] = box
	}
	return boxes, nil
}

// unseal opens the saved secrets of a connection, those named in except left out.
func (o *Opener) unseal(ctx context.Context, c *store.Connection, except map[string]bool) (connectors.Secrets, error) {
	out := connectors.Secrets{}
	err := o.Store.View(ctx, func(tx *store.Tx) error {
		for _, field := range c.SecretsSet {
			if except[field] {
				continue
			}
			box, err := tx.SecretBox(c.ID, field)
			if err != nil {
				return fmt.Errorf("read secret %s: %w", field, err)
			}
			plain, err := o.Keys.Open(box, owner(c.ID, field, c.Destination)...)
			if err != nil {
				return &connectors.Error{Cause: connectors.CauseSignIn, Op: "open saved secret " + field,
					Hint: "The saved secret cannot be opened with this server's key. Enter it again in the connection's settings"}
			}
			out[field] = secret.New(string(plain))
		}
		return nil
	})
	return out, err
}

// Open reaches the server of a stored connection and signs in. The source must be closed.
func (o *Opener) Open(ctx context.Context, c *store.Connection) (connectors.Source, error) {
	if c.Draft {
		return nil, &connectors.Error{Cause: connectors.CauseUnsupported, Op: "open " + c.Name, Hint: "This connection is a draft. Finish it first"}
	}
	return o.open(ctx, c)
}

// openForAdmin is Open that opens drafts too, which Admins alone see, where they have all that is needed.
func (o *Opener) openForAdmin(ctx context.Context, c *store.Connection) (connectors.Source, error) {
	connector, ok := o.Registry.Get(c.Type)
	if ok && c.Draft && len(connector.Check(c.Config, nil, c.SecretsSet, false)) > 0 {
		return nil, &connectors.Error{Cause: connectors.CauseUnsupported, Op: "open " + c.Name, Hint: "This draft lacks some of what is needed to connect. Fill it in first"}
	}
	return o.open(ctx, c)
}

func (o *Opener) open(ctx context.Context, c *store.Connection) (connectors.Source, error) {
	secrets, err := o.unseal(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	req, err := o.request(ctx, c, secrets)
	if err != nil {
		return nil, err
	}
	req.PinHostKey = func(hostKey string) error { return o.pin(ctx, c, req, hostKey) }
	return o.Registry.Open(ctx, req)
}

// pin keeps the key that an SSH host showed at first use. The key is part of where secrets go, so they are sealed again for
// the destination that now has it.
func (o *Opener) pin(ctx context.Context, c *store.Connection, req connectors.Request, hostKey string) error {
	pinned := *c
	pinned.Config = maps.Clone(c.Config)
	pinned.Config["ssh_host_key"] = hostKey
	pinned.Destination = req.Connector.Destination(pinned.Config)
	boxes, err := o.seal(c.ID, pinned.Destination, req.Secrets)
	if err != nil {
		return err
	}
	entry := connectionEntry(server, "connection.pin_host_key", pinned)
	entry.Detail["host_key"] = hostKey
	err = o.Store.Update(ctx, entry, func(tx *store.Tx) error { return tx.UpdateConnection(pinned, boxes, nil) })
	if err != nil {
		return fmt.Errorf("keep ssh host key: %w", err)
	}
	return nil
}

// request is what the registry needs to reach c with these secrets.
func (o *Opener) request(ctx context.Context, c *store.Connection, secrets connectors.Secrets) (connectors.Request, error) {
	connector, ok := o.Registry.Get(c.Type)
	if !ok {
		return connectors.Request{}, &connectors.Error{Cause: connectors.CauseUnsupported, Op: "open " + c.Name, Message: "unknown type " + c.Type}
	}
	private, err := o.allowPrivate(ctx, c)
	if err != nil {
		return connectors.Request{}, err
	}
	return connectors.Request{Connector: connector, Values: c.Config, Secrets: secrets, AllowPrivate: private,
		FilesDir: o.FilesDir, Forbidden: o.Forbidden, WorkspaceKey: o.SSHKey}, nil
}

// allowPrivate is mayReachPrivate at this moment.
func (o *Opener) allowPrivate(ctx context.Context, c *store.Connection) (bool, error) {
	return view(ctx, o.Store, func(tx *store.Tx) (bool, error) { return mayReachPrivate(tx, *c) })
}

// mayReachPrivate says whether a connection may point to loopback and private ranges: those made by Admins may (SPEC section 4),
// and those of the workspace, which are the Admins'.
func mayReachPrivate(tx *store.Tx, c store.Connection) (bool, error) {
	if c.ProjectID == "" {
		return true, nil
	}
	u, err := tx.User(c.CreatedBy)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read maker of connection: %w", err)
	}
	return u.Role == access.RoleAdmin && !u.Disabled, nil
}

// SSHPublicKey is the workspace's public key as authorized_keys takes it; empty where there is none.
func (w *Workspace) SSHPublicKey() string {
	if w.Opener.SSHKey == nil {
		return ""
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(w.Opener.SSHKey.PublicKey()))) + " patchbay"
}
