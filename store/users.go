package store

import (
	"context"
	"fmt"
	"strings"
)

const userColumns = `id, email, name, role, password_hash, disabled, created_ms, updated_ms, signed_in_ms, version,
	(select count(*) from user_identity where user_id = id)`

func scanUser(r scanner) (User, error) {
	var u User
	var disabled, created, updated, signedIn, identities int64
	err := r.Scan(&u.ID, &u.Email, &u.Name, &u.Role, &u.PasswordHash, &disabled, &created, &updated, &signedIn, &u.Version, &identities)
	u.Disabled, u.External, u.Created, u.Updated, u.SignedIn = disabled == 1, identities > 0, at(created), at(updated), at(signedIn)
	return u, err
}

// User is the account with this id.
func (tx *Tx) User(id string) (User, error) {
	return tx.withGroups(one(tx, scanUser, `select `+userColumns+` from user_account where id = $1`, id))
}

// UserByEmail is the account with this e-mail address, whatever its case.
func (tx *Tx) UserByEmail(email string) (User, error) {
	return tx.withGroups(one(tx, scanUser, `select `+userColumns+` from user_account where email_fold = $1`, fold(email)))
}

func (tx *Tx) withGroups(u User, err error) (User, error) {
	if err != nil {
		return u, err
	}
	u.Groups, err = collect(tx, value[string], `select distinct group_id from group_member where user_id = cast($1 as text) order by group_id`, u.ID)
	return u, err
}

// Users are all accounts by name.
func (tx *Tx) Users() ([]User, error) {
	users, err := collect(tx, scanUser, `select `+userColumns+` from user_account order by lower(name), id`)
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	for i, u := range users {
		place[u.ID] = i
	}
	memberships, err := collect(tx, scanPair, `select distinct user_id, group_id from group_member order by user_id, group_id`)
	for _, m := range memberships {
		u := &users[place[m[0]]]
		u.Groups = append(u.Groups, m[1])
	}
	return users, err
}

func scanPair(r scanner) ([2]string, error) {
	var p [2]string
	err := r.Scan(&p[0], &p[1])
	return p, err
}

// CreateUser keeps a new account. An address that is taken is an ExistsError of the field email.
func (tx *Tx) CreateUser(u User) error {
	_, err := tx.exec(`insert into user_account(id, email, email_fold, name, role, password_hash, disabled, created_ms, updated_ms, version)
		values($1,$2,$3,$4,$5,$6,$7,$8,$9,1)`, u.ID, strings.TrimSpace(u.Email), fold(u.Email), u.Name, u.Role, u.PasswordHash, bit(u.Disabled), ms(u.Created), ms(u.Updated))
	if unique(err) {
		return &ExistsError{"email"}
	}
	return err
}

// UpdateUser replaces an account, unless it changed since it was read.
func (tx *Tx) UpdateUser(u User) error {
	n, err := tx.exec(`update user_account set email=$1, email_fold=$2, name=$3, role=$4, password_hash=$5, disabled=$6, updated_ms=$7, version=version+1
		where id=$8 and version=$9`, strings.TrimSpace(u.Email), fold(u.Email), u.Name, u.Role, u.PasswordHash, bit(u.Disabled), ms(u.Updated), u.ID, u.Version)
	if unique(err) {
		return &ExistsError{"email"}
	}
	return changedOne(n, err)
}

// changedOne turns an update by version that met no row into ErrConflict.
func changedOne(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// DeleteUser removes an account with its sessions, tokens and memberships, and the shares and notifications that name it.
func (tx *Tx) DeleteUser(id string) error {
	if _, err := tx.exec(`delete from project_share where target = $1`, "user:"+id); err != nil {
		return fmt.Errorf("delete shares: %w", err)
	}
	if err := tx.forgetTarget("user", id); err != nil {
		return fmt.Errorf("stop telling: %w", err)
	}
	return tx.must(`delete from user_account where id = $1`, id)
}

// CountAdmins is the number of Admins that can sign in.
func (tx *Tx) CountAdmins() (int64, error) {
	return one(tx, value[int64], `select count(*) from user_account where role = 'admin' and disabled = 0`)
}

// User is Tx.User in a snapshot of its own.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	return view(ctx, s, func(tx *Tx) (User, error) { return tx.User(id) })
}

// UserByEmail is Tx.UserByEmail in a snapshot of its own.
func (s *Store) UserByEmail(ctx context.Context, email string) (User, error) {
	return view(ctx, s, func(tx *Tx) (User, error) { return tx.UserByEmail(email) })
}

// Users is Tx.Users in a snapshot of its own.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	return view(ctx, s, (*Tx).Users)
}
