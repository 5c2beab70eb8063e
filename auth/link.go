package auth

import (
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"patchbay/store"
)

// What a one-time link is for, and how long it lasts.
const (
	setup       = "setup"
	invite      = "invite"
	reset       = "reset"
	setupLasts  = time.Hour
	inviteLasts = 7 * 24 * time.Hour
	resetLasts  = 24 * time.Hour
)

// newLink makes a link that is not kept yet, and the secret in it.
func (a *Auth) newLink(purpose, userID string, lasts time.Duration) (plain string, t store.OneTimeToken) {
	plain, hash := newSecret()
	now := a.now()
	return plain, store.OneTimeToken{Hash: hash, Purpose: purpose, UserID: userID, Created: now, Expires: now.Add(lasts)}
}

// link finds a one-time link for one of the purposes that can still be used; any other is ErrUsed.
func (a *Auth) link(tx *store.Tx, token string, purposes ...string) (store.OneTimeToken, error) {
	hash := hashOf(token)
	t, err := tx.OneTimeByHash(hash)
	if errors.Is(err, store.ErrNotFound) {
		return t, ErrUsed
	}
	if err != nil {
		return t, err
	}
	if subtle.ConstantTimeCompare(t.Hash, hash) != 1 || !slices.Contains(purposes, t.Purpose) || !t.Used.IsZero() || !a.now().Before(t.Expires) {
		return t, ErrUsed
	}
	return t, nil
}

// use uses a link up. Of two that do so at once, one gets ErrUsed.
func use(tx *store.Tx, t store.OneTimeToken, now time.Time) error {
	err := tx.UseOneTime(t.Hash, now)
	if errors.Is(err, store.ErrConflict) {
		return ErrUsed
	}
	return err
}
