package workspace

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"sort"

	"golang.org/x/crypto/ssh"

	"patchbay/access"
	"patchbay/secret"
	"patchbay/store"
)

const (
	settingKeyCheck = "key_check"
	settingSSHKey   = "ssh_key"
)

// server is who acts in the audit log when the server itself does.
var server = access.Actor{Name: "server"}

// CheckKey verifies that keys are those that this store's secrets are sealed with; a new store takes them as its own (P31).
func CheckKey(ctx context.Context, s *store.Store, keys *secret.Ring) error {
	saved, known, err := s.Setting(ctx, settingKeyCheck)
	if err != nil {
		return err
	}
	if known {
		check, err := base64.StdEncoding.DecodeString(saved)
		if err != nil {
			return fmt.Errorf("read key check value: %w", err)
		}
		return keys.Verify(check)
	}
	entry := store.AuditEntry{Who: server, Action: "key.adopt", ObjectType: "key", ObjectID: fmt.Sprint(keys.CurrentID()), ObjectName: "master key"}
	return s.Update(ctx, entry, func(tx *store.Tx) error {
		return tx.SetSetting(settingKeyCheck, base64.StdEncoding.EncodeToString(keys.CheckValue()))
	})
}

// SSHKey is the workspace's own key pair for SSH tunnels, made at first start and kept sealed.
func SSHKey(ctx context.Context, s *store.Store, keys *secret.Ring) (ssh.Signer, error) {
	saved, known, err := s.Setting(ctx, settingSSHKey)
	if err != nil {
		return nil, err
	}
	if !known {
		if saved, err = makeSSHKey(ctx, s, keys); err != nil {
			return nil, err
		}
	}
	box, err := base64.StdEncoding.DecodeString(saved)
	if err != nil {
		return nil, fmt.Errorf("read ssh key: %w", err)
	}
	plain, err := keys.Open(box, "workspace", settingSSHKey)
	if err != nil {
		return nil, fmt.Errorf("open ssh key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("parse ssh key: %w", err)
	}
	return signer, nil
}

func makeSSHKey(ctx context.Context, s *store.Store, keys *secret.Ring) (string, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make ssh key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "patchbay")
	if err != nil {
		return "", fmt.Errorf("encode ssh key: %w", err)
	}
	box, err := keys.Seal(pem.EncodeToMemory(block), "workspace", settingSSHKey)
	if err != nil {
		return "", fmt.Errorf("seal ssh key: %w", err)
	}
	sealed := base64.StdEncoding.EncodeToString(box)
	entry := store.AuditEntry{Who: server, Action: "ssh_key.make", ObjectType: "key", ObjectID: settingSSHKey, ObjectName: "workspace SSH key"}
	return sealed, s.Update(ctx, entry, func(tx *store.Tx) error { return tx.SetSetting(settingSSHKey, sealed) })
}

// sortedKeys are the keys of m in order, never nil, so that they read the same in every audit row.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
