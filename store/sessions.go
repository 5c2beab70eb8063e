package store

import (
	"context"
	"time"
)

const sessionColumns = `id, hash, user_id, created_ms, seen_ms, ends_ms, auth_ms, ip, agent, provider_id, sid`

func scanSession(r scanner) (Session, error) {
	var s Session
	var created, seen, ends, auth int64
	err := r.Scan(&s.ID, &s.Hash, &s.UserID, &created, &seen, &ends, &auth, &s.IP, &s.Agent, &s.ProviderID, &s.SID)
	s.Created, s.Seen, s.Ends, s.Auth = at(created), at(seen), at(ends), at(auth)
	return s, err
}

// SessionByHash is the session whose id has this hash.
func (tx *Tx) SessionByHash(hash []byte) (Session, error) {
	return one(tx, scanSession, `select `+sessionColumns+` from session where hash = $1`, hash)
}

// CreateSession keeps a new session, and remembers that its user signed in then.
func (tx *Tx) CreateSession(s Session) error {
	_, err := tx.exec(`insert into session(`+sessionColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`,
		s.ID, s.Hash, s.UserID, ms(s.Created), ms(s.Seen), ms(s.Ends), ms(s.Auth), s.IP, s.Agent, s.ProviderID, s.SID)
	if err != nil {
		return err
	}
	_, err = tx.exec(`update user_account set signed_in_ms=$1 where id=$2 and signed_in_ms<$1`, ms(s.Created), s.UserID)
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

// EndSession ends one session of a user by its id; one that is not theirs is ErrNotFound.
func (tx *Tx) EndSession(userID, id string) error {
	return tx.must(`delete from session where user_id = $1 and id = $2`, userID, id)
}

// EndOtherSessions ends every session of a user but one.
func (tx *Tx) EndOtherSessions(userID, id string) error {
	_, err := tx.exec(`delete from session where user_id = $1 and id <> $2`, userID, id)
	return err
}

// Session is a session of a user's by its id; any other is ErrNotFound.
func (tx *Tx) Session(userID, id string) (Session, error) {
	return one(tx, scanSession, `select `+sessionColumns+` from session where user_id = $1 and id = $2`, userID, id)
}

// SessionLimits are how long a session holds unused and at all (P45). Zero is no limit.
type SessionLimits struct{ Idle, Whole time.Duration }

// Over says whether a session has run out. One that began under a longer limit than holds now ends by the new one.
func (l SessionLimits) Over(s Session, now time.Time) bool {
	return !now.Before(s.Ends) || l.Whole > 0 && now.Sub(s.Created) >= l.Whole || l.Idle > 0 && now.Sub(s.Seen) >= l.Idle
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

// UserSessions is Tx.UserSessions in a snapshot of its own.
func (s *Store) UserSessions(ctx context.Context, userID string) ([]Session, error) {
	return view(ctx, s, func(tx *Tx) ([]Session, error) { return tx.UserSessions(userID) })
}
