package store

import (
	"context"
	"time"
)

// CreateOneTime keeps a setup or invitation link.
func (tx *Tx) CreateOneTime(t OneTimeToken) error {
	_, err := tx.exec(`insert into one_time_token(hash, purpose, user_id, created_ms, expires_ms, used_ms) values($1,$2,$3,$4,$5,0)`,
		t.Hash, t.Purpose, t.UserID, ms(t.Created), ms(t.Expires))
	return err
}

// OneTimeByHash is the link whose token has this hash.
func (tx *Tx) OneTimeByHash(hash []byte) (OneTimeToken, error) {
	return one(tx, func(r scanner) (OneTimeToken, error) {
		var t OneTimeToken
		var created, expires, used int64
		err := r.Scan(&t.Hash, &t.Purpose, &t.UserID, &created, &expires, &used)
		t.Created, t.Expires, t.Used = at(created), at(expires), at(used)
		return t, err
	}, `select hash, purpose, user_id, created_ms, expires_ms, used_ms from one_time_token where hash = $1`, hash)
}

// UseOneTime marks a link as used; one that was used before is ErrConflict.
func (tx *Tx) UseOneTime(hash []byte, when time.Time) error {
	return changedOne(tx.exec(`update one_time_token set used_ms=$1 where hash=$2 and used_ms=0`, ms(when), hash))
}

// DropOneTimes removes the links and waiting sign-ins of a user that are for one purpose.
func (tx *Tx) DropOneTimes(userID, purpose string) error {
	_, err := tx.exec(`delete from one_time_token where user_id = $1 and purpose = $2`, userID, purpose)
	return err
}

// SweepOneTimes removes what is for one purpose and expired before a time.
func (tx *Tx) SweepOneTimes(purpose string, before time.Time) error {
	_, err := tx.exec(`delete from one_time_token where purpose = $1 and expires_ms < $2`, purpose, ms(before))
	return err
}

const tokenColumns = `id, user_id, name, hash, scope, created_ms, expires_ms, used_ms`

func scanToken(r scanner) (APIToken, error) {
	var t APIToken
	var created, expires, used int64
	err := r.Scan(&t.ID, &t.UserID, &t.Name, &t.Hash, &t.Scope, &created, &expires, &used)
	t.Created, t.Expires, t.Used = at(created), at(expires), at(used)
	return t, err
}

// APITokenByHash is the API token that has this hash.
func (tx *Tx) APITokenByHash(hash []byte) (APIToken, error) {
	return one(tx, scanToken, `select `+tokenColumns+` from api_token where hash = $1`, hash)
}

// APIToken is an API token of a user's; any other is ErrNotFound.
func (tx *Tx) APIToken(userID, id string) (APIToken, error) {
	return one(tx, scanToken, `select `+tokenColumns+` from api_token where user_id = $1 and id = $2`, userID, id)
}

// CreateAPIToken keeps a new API token.
func (tx *Tx) CreateAPIToken(t APIToken) error {
	_, err := tx.exec(`insert into api_token(`+tokenColumns+`) values($1,$2,$3,$4,$5,$6,$7,0)`,
		t.ID, t.UserID, t.Name, t.Hash, t.Scope, ms(t.Created), ms(t.Expires))
	return err
}

// APITokens are a user's API tokens, the latest first.
func (tx *Tx) APITokens(userID string) ([]APIToken, error) {
	return collect(tx, scanToken, `select `+tokenColumns+` from api_token where user_id = $1 order by created_ms desc, id`, userID)
}

// DeleteAPIToken revokes an API token.
func (tx *Tx) DeleteAPIToken(id string) error {
	return tx.must(`delete from api_token where id = $1`, id)
}

// TouchAPIToken remembers when an API token was last used.
func (tx *Tx) TouchAPIToken(id string, when time.Time) error {
	_, err := tx.exec(`update api_token set used_ms=$1 where id=$2`, ms(when), id)
	return err
}

// APITokenByHash is Tx.APITokenByHash in a snapshot of its own.
func (s *Store) APITokenByHash(ctx context.Context, hash []byte) (APIToken, error) {
	return view(ctx, s, func(tx *Tx) (APIToken, error) { return tx.APITokenByHash(hash) })
}

// APITokens is Tx.APITokens in a snapshot of its own.
func (s *Store) APITokens(ctx context.Context, userID string) ([]APIToken, error) {
	return view(ctx, s, func(tx *Tx) ([]APIToken, error) { return tx.APITokens(userID) })
}

// OneTimeByHash is Tx.OneTimeByHash in a snapshot of its own.
func (s *Store) OneTimeByHash(ctx context.Context, hash []byte) (OneTimeToken, error) {
	return view(ctx, s, func(tx *Tx) (OneTimeToken, error) { return tx.OneTimeByHash(hash) })
}
