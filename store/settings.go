package store

import (
	"context"
	"errors"
)

// Setting is a setting's value and whether it is set.
func (tx *Tx) Setting(key string) (string, bool, error) {
	v, err := one(tx, value[string], `select value from setting where key = $1`, key)
	if errors.Is(err, ErrNotFound) {
		return "", false, nil
	}
	return v, err == nil, err
}

// SetSetting sets a setting.
func (tx *Tx) SetSetting(key, value string) error {
	_, err := tx.exec(`insert into setting(key, value) values($1,$2) on conflict(key) do update set value = excluded.value`, key, value)
	return err
}

// Setting is Tx.Setting in a snapshot of its own.
func (s *Store) Setting(ctx context.Context, key string) (v string, set bool, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		v, set, err = tx.Setting(key)
		return err
	})
	return v, set, err
}

// SettingLocalSignIn is "false" where nobody signs in with a password.
const SettingLocalSignIn = "local_sign_in"

// LocalSignIn says whether people may sign in with a password.
func (tx *Tx) LocalSignIn() (bool, error) {
	v, _, err := tx.Setting(SettingLocalSignIn)
	return v != "false", err
}
