package store

import (
	"context"
	"time"
)

// TOTP is the second step of a user's signing in; ErrNotFound where none was ever begun.
func (tx *Tx) TOTP(userID string) (TOTP, error) {
	return one(tx, func(r scanner) (TOTP, error) {
		var t TOTP
		var created, confirmed int64
		err := r.Scan(&t.UserID, &t.Box, &created, &confirmed, &t.LastStep, &t.Codes)
		t.Created, t.Confirmed = at(created), at(confirmed)
		return t, err
	}, `select user_id, box, created_ms, confirmed_ms, last_step,
		(select count(*) from recovery_code c where c.user_id = t.user_id and used_ms = 0) from user_totp t where user_id = $1`, userID)
}

// BeginTOTP keeps a secret that is not asked for before it is confirmed. One that was confirmed is ErrConflict.
func (tx *Tx) BeginTOTP(t TOTP) error {
	return changedOne(tx.exec(`insert into user_totp(user_id, box, created_ms) values($1,$2,$3)
		on conflict (user_id) do update set box=excluded.box, created_ms=excluded.created_ms where user_totp.confirmed_ms=0`,
		t.UserID, t.Box, ms(t.Created)))
}

// ConfirmTOTP turns the second step on, with the hashes of its recovery codes.
func (tx *Tx) ConfirmTOTP(userID string, when time.Time, codes [][]byte) error {
	if err := changedOne(tx.exec(`update user_totp set confirmed_ms=$1 where user_id=$2 and confirmed_ms=0`, ms(when), userID)); err != nil {
		return err
	}
	return tx.many(`insert into recovery_code(user_id, hash) values($1,$2)`, func(yield func([]any) bool) {
		for _, hash := range codes {
			if !yield([]any{userID, hash}) {
				return
			}
		}
	})
}

// UseTOTPStep takes the code of a step; one of that step or an earlier one was used before it and is ErrConflict.
func (tx *Tx) UseTOTPStep(userID string, step int64) error {
	return changedOne(tx.exec(`update user_totp set last_step=$1 where user_id=$2 and last_step<$1`, step, userID))
}

// UseRecoveryCode uses a recovery code up; one that there is not, or that was used, is ErrConflict.
func (tx *Tx) UseRecoveryCode(userID string, hash []byte, when time.Time) error {
	return changedOne(tx.exec(`update recovery_code set used_ms=$1 where user_id=$2 and hash=$3 and used_ms=0`, ms(when), userID, hash))
}

// DeleteTOTP turns the second step off, with its recovery codes; none is fine.
func (tx *Tx) DeleteTOTP(userID string) error {
	_, err := tx.exec(`delete from user_totp where user_id = $1`, userID)
	return err
}

// TOTP is Tx.TOTP in a snapshot of its own.
func (s *Store) TOTP(ctx context.Context, userID string) (TOTP, error) {
	return view(ctx, s, func(tx *Tx) (TOTP, error) { return tx.TOTP(userID) })
}
