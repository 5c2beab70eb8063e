package store

import (
	"context"
	"time"
)

const sessionColumns = `hash, user_id, created_ms, seen_ms, ends_ms, auth_ms, ip, agent, provider_id, sid`

func scanSession(r scanner) (Session, error) {
	var s Session
	var created, seen, ends, auth int64
	err := r.Scan(&s.Hash, &s.UserID, &created, &seen, &ends, &auth, &s.IP, &s.Agent, &s.ProviderID, &s.SID)
	s.Created, s.Seen, s.Ends, s.Auth = at(created), at(seen), at(ends), at(auth)
	return s, err
}

// SessionByHash is the session whose id has this hash.
func (tx *Tx) SessionByHash(hash []byte) (Session, error) {
	return one(tx, scanSession, `select `+sessionColumns+` from session where hash = $1`, hash)
}

// CreateSession keeps a new session.
func (tx *Tx) CreateSession(s Session) error {
	_, err := tx.exec(`insert into session(`+sessionColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
		s.Hash, s.UserID, ms(s.Created), ms(s.Seen), ms(s.Ends), ms(s.Auth), s.IP, s.Agent, s.ProviderID, s.SID)
	return err
}

// TouchSession remembers when a session was last used.
func (tx *Tx) TouchSession(hash []byte, seen time.Time) error {
	_, err := tx.exec(`update session set seen_ms=$1 where hash=$2`, ms(seen), hash)
	return err
}

// DeleteSession ends a session; one that is gone already is fine.
func (tx *Tx) DeleteSession(hash []byte) error {
	_, err := tx.exec(`delete from session where hash = $1`, hash)
	return err
}

// DeleteUserSessions ends every session of a user.
func (tx *Tx) DeleteUserSessions(userID string) error {
	_, err := tx.exec(`delete from session where user_id = $1`, userID)
	return err
}

// UserSessions are a user's sessions, the last used first.
func (tx *Tx) UserSessions(userID string) ([]Session, error) {
	return collect(tx, scanSession, `select `+sessionColumns+` from session where user_id = $1 order by seen_ms desc`, userID)
}

// SessionByHash is Tx.SessionByHash in a snapshot of its own.
func (s *Store) SessionByHash(ctx context.Context, hash []byte) (Session, error) {
	return view(ctx, s, func(tx *Tx) (Session, error) { return tx.SessionByHash(hash) })
}
