package store

import (
	"context"
	"errors"
	"time"
)

// ErrLeaseHeld says that someone else holds the lease.
var ErrLeaseHeld = errors.New("lease is held")

// ErrReplaced says that the lease went to someone else: what was covered by it must stop.
var ErrReplaced = errors.New("replaced by another holder of the lease")

// A Fence proves a lease: writes that it covers are refused once it was given back or went to someone else.
type Fence struct {
	Name  string
	Token int64
}

// longestLease is longer than anyone takes a lease for at a time. One that lasts longer still is of a clock that was ahead: it is free.
const longestLease = time.Hour

// Acquire takes a lease, or renews it for its holder, for a time from now. Each new holder's token is larger than any before.
func (s *Store) Acquire(ctx context.Context, name, holder string, lasts time.Duration) (Fence, error) {
	return s.AcquireWith(ctx, name, holder, lasts, func(*Tx) error { return nil })
}

// AcquireWith is Acquire with what else is to be written in the same commit, should the lease be free.
func (s *Store) AcquireWith(ctx context.Context, name, holder string, lasts time.Duration, fn func(*Tx) error) (Fence, error) {
	f := Fence{Name: name}
	err := s.Maintain(ctx, func(tx *Tx) error {
		now := s.options.Now()
		var err error
		f.Token, err = one(tx, value[int64], `insert into lease(name, holder, token, until_ms) values($1,$2,1,$3)
			on conflict(name) do update set holder=excluded.holder, until_ms=excluded.until_ms,
				token=lease.token + case when lease.holder=excluded.holder then 0 else 1 end
			where lease.holder=excluded.holder or lease.until_ms < $4 or lease.until_ms > $5
			returning token`, name, holder, ms(now.Add(lasts)), ms(now), ms(now.Add(longestLease)))
		if errors.Is(err, ErrNotFound) {
			return ErrLeaseHeld
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
	return f, err
}

// Renew keeps a lease for a time from now; ErrReplaced when someone else has it.
func (s *Store) Renew(ctx context.Context, f Fence, lasts time.Duration) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		n, err := tx.exec(`update lease set until_ms=$1 where name=$2 and token=$3`, ms(s.options.Now().Add(lasts)), f.Name, f.Token)
		if err == nil && n == 0 {
			err = ErrReplaced
		}
		return err
	})
}

// Release gives a lease back: what it covered is refused from now on. One that went to someone else already is left alone.
func (s *Store) Release(ctx context.Context, f Fence) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		_, err := tx.exec(`update lease set until_ms=0, token=token+1 where name=$1 and token=$2`, f.Name, f.Token)
		return err
	})
}

// BreakLease ends a lease whoever holds it, and what it covered is refused from now on: for a process that knows that the
// holder is gone.
func (tx *Tx) BreakLease(name string) error {
	_, err := tx.exec(`update lease set until_ms=0, token=token+1 where name=$1`, name)
	return err
}

// fenced refuses to go on when the lease went to someone else.
func (tx *Tx) fenced(f Fence) error {
	token, err := one(tx, value[int64], `select token from lease where name = $1`, f.Name)
	if errors.Is(err, ErrNotFound) || err == nil && token != f.Token {
		return ErrReplaced
	}
	return err
}
