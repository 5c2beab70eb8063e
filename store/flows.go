package store

import "time"

// CreateFlow keeps a sign-in that goes to a provider, and drops those that never came back.
func (tx *Tx) CreateFlow(f Flow, now time.Time) error {
	if _, err := tx.exec(`delete from sign_in_flow where expires_ms <= $1`, ms(now)); err != nil {
		return err
	}
	_, err := tx.exec(`insert into sign_in_flow(hash, provider_id, box, expires_ms) values($1,$2,$3,$4)`, f.Hash, f.ProviderID, f.Box, ms(f.Expires))
	return err
}

// TakeFlow takes a sign-in out: of several that do so, one gets it. The others, and one that never was, are ErrNotFound.
func (tx *Tx) TakeFlow(hash []byte) (Flow, error) {
	return one(tx, func(r scanner) (Flow, error) {
		f := Flow{Hash: hash}
		var expires int64
		err := r.Scan(&f.ProviderID, &f.Box, &expires)
		f.Expires = at(expires)
		return f, err
	}, `delete from sign_in_flow where hash = $1 returning provider_id, box, expires_ms`, hash)
}

// KeepIDToken keeps the sealed ID token of a session, for the provider's sign-out.
func (tx *Tx) KeepIDToken(session, box []byte) error {
	_, err := tx.exec(`insert into session_id_token(hash, box) values($1,$2)`, session, box)
	return err
}

// IDToken is the sealed ID token of a session; none is ErrNotFound.
func (tx *Tx) IDToken(session []byte) ([]byte, error) {
	return one(tx, value[[]byte], `select box from session_id_token where hash = $1`, session)
}

// EndProviderSessions ends the sessions that came from a provider: those with this session id of its own, or without one all of
// the user. It returns what it ended.
func (tx *Tx) EndProviderSessions(providerID, sid, userID string) ([]Session, error) {
	where, args := `provider_id = $1 and sid = $2`, []any{providerID, sid}
	switch {
	case sid != "" && userID != "":
		where, args = where+` and user_id = $3`, append(args, userID)
	case sid == "" && userID != "":
		where, args = `provider_id = $1 and user_id = $2`, []any{providerID, userID}
	case sid == "":
		where, args = `provider_id = $1`, []any{providerID}
	}
	ended, err := collect(tx, scanSession, `select `+sessionColumns+` from session where `+where+` order by hash`, args...)
	if err != nil {
		return nil, err
	}
	for _, s := range ended {
		if err := tx.DeleteSession(s.Hash); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// RememberLogout remembers a logout token until it expires; one that was used before is ErrConflict.
func (tx *Tx) RememberLogout(issuer, jti string, expires, now time.Time) error {
	if _, err := tx.exec(`delete from provider_logout where expires_ms <= $1`, ms(now)); err != nil {
		return err
	}
	return changedOne(tx.exec(`insert into provider_logout(issuer, jti, expires_ms) values($1,$2,$3) on conflict do nothing`, issuer, jti, ms(expires)))
}
