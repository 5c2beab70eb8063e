package store

import (
	"context"
	"errors"
)

const identityColumns = `issuer, subject, user_id, provider_id, email, warning, stale_ms, created_ms, seen_ms, denied`

func scanIdentity(r scanner) (Identity, error) {
	var i Identity
	var stale, created, seen, denied int64
	err := r.Scan(&i.Issuer, &i.Subject, &i.UserID, &i.ProviderID, &i.Email, &i.Warning, &stale, &created, &seen, &denied)
	i.Stale, i.Created, i.Seen, i.Denied = at(stale), at(created), at(seen), denied == 1
	return i, err
}

// Identity is who an issuer means by a subject.
func (tx *Tx) Identity(issuer, subject string) (Identity, error) {
	return one(tx, scanIdentity, `select `+identityColumns+` from user_identity where issuer = $1 and subject = $2`, issuer, subject)
}

// Identities are who the people of a provider are there, the last seen first.
func (tx *Tx) Identities(providerID string) ([]Identity, error) {
	return collect(tx, scanIdentity, `select `+identityColumns+` from user_identity where provider_id = $1 order by seen_ms desc, subject`, providerID)
}

// PutIdentity keeps what is known of an identity. Whose it is never changes (P37).
func (tx *Tx) PutIdentity(i Identity) error {
	_, err := tx.exec(`insert into user_identity(`+identityColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)
		on conflict(issuer, subject) do update set provider_id=excluded.provider_id, email=excluded.email, warning=excluded.warning,
		stale_ms=excluded.stale_ms, seen_ms=excluded.seen_ms, denied=excluded.denied`,
		i.Issuer, i.Subject, i.UserID, i.ProviderID, i.Email, i.Warning, ms(i.Stale), ms(i.Created), ms(i.Seen), bit(i.Denied))
	return err
}

// viaProvider says that a user may sign in with a provider that is on, still is the one that knows them, and let them in the last time.
const viaProvider = `exists (select 1 from user_identity i join identity_provider p on p.id = i.provider_id and p.issuer = i.issuer
	where i.user_id = user_account.id and i.denied = 0 and p.enabled = 1)`

// CountProviderAdmins is the number of Admins who have signed in by a provider that is on.
func (tx *Tx) CountProviderAdmins() (int64, error) {
	return one(tx, value[int64], `select count(*) from user_account where role = 'admin' and disabled = 0 and `+viaProvider)
}

// CountProviderAdminsWhoProve is the number of those of them of whom a session's provider said when they signed in there: acts that
// take a fresh proof are closed to the others (P45).
func (tx *Tx) CountProviderAdminsWhoProve() (int64, error) {
	return one(tx, value[int64], `select count(*) from user_account where role = 'admin' and disabled = 0 and `+viaProvider+`
		and exists (select 1 from session s where s.user_id = user_account.id and s.provider_id <> '' and s.auth_ms > 0)`)
}

// CountAdminsWithAWayIn is the number of Admins who can sign in as things are: with a provider, or where that is on with a password.
func (tx *Tx) CountAdminsWithAWayIn() (int64, error) {
	local, err := tx.LocalSignIn()
	if err != nil || !local {
		n, err2 := tx.CountProviderAdmins()
		return n, errors.Join(err, err2)
	}
	return one(tx, value[int64], `select count(*) from user_account where role = 'admin' and disabled = 0 and (password_hash <> '' and not exists
		(select 1 from user_identity i where i.user_id = user_account.id) or `+viaProvider+`)`)
}

// KnownToAProvider says whether a user may sign in with a provider.
func (tx *Tx) KnownToAProvider(userID string) (bool, error) {
	n, err := one(tx, value[int64], `select count(*) from user_account where id = $1 and `+viaProvider, userID)
	return n > 0, err
}

// ProviderGroups are the groups that a provider put a user into, by name.
func (tx *Tx) ProviderGroups(userID string) ([]Group, error) {
	return collect(tx, scanGroup, groupQuery+` where id in (select group_id from group_member where user_id = $1 and source = 'provider') order by name_fold`, userID)
}

// SetProviderGroups replaces the groups that a provider put a user into. Those kept by hand stay.
func (tx *Tx) SetProviderGroups(userID string, groups []string) error {
	if _, err := tx.exec(`delete from group_member where user_id = $1 and source = 'provider'`, userID); err != nil {
		return err
	}
	for _, g := range groups {
		_, err := tx.exec(`insert into group_member(group_id, user_id, source) values($1,$2,'provider') on conflict do nothing`, g, userID)
		if err != nil {
			return err
		}
	}
	return nil
}

// GroupByName is the group with this name, whatever its case.
func (tx *Tx) GroupByName(name string) (Group, error) {
	return one(tx, scanGroup, groupQuery+` where name_fold = $1`, fold(name))
}

// Identities is Tx.Identities in a snapshot of its own.
func (s *Store) Identities(ctx context.Context, providerID string) ([]Identity, error) {
	return view(ctx, s, func(tx *Tx) ([]Identity, error) { return tx.Identities(providerID) })
}
