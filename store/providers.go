package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

const providerColumns = `id, name, issuer, client_id, scopes, default_role, link_domains, rules, enabled, trusts_email, created_ms, updated_ms, version,
	(select count(*) from identity_provider_secret where provider_id = id)`

func scanProvider(r scanner) (Provider, error) {
	var p Provider
	var scopes, domains string
	var rules []byte
	var enabled, trusts, created, updated, secrets int64
	err := r.Scan(&p.ID, &p.Name, &p.Issuer, &p.ClientID, &scopes, &p.DefaultRole, &domains, &rules, &enabled, &trusts, &created, &updated, &p.Version, &secrets)
	if err != nil {
		return p, err
	}
	p.Scopes, p.LinkDomains = strings.Fields(scopes), strings.Fields(domains)
	p.Enabled, p.TrustsEmail, p.SecretSet, p.Created, p.Updated = enabled == 1, trusts == 1, secrets > 0, at(created), at(updated)
	if err := json.Unmarshal(rules, &p.Rules); err != nil {
		return p, fmt.Errorf("read rules of provider %s: %w", p.ID, err)
	}
	return p, nil
}

// Providers are all sign-in providers, by name.
func (tx *Tx) Providers() ([]Provider, error) {
	return collect(tx, scanProvider, `select `+providerColumns+` from identity_provider order by name_fold`)
}

// Provider is the sign-in provider with this id.
func (tx *Tx) Provider(id string) (Provider, error) {
	return one(tx, scanProvider, `select `+providerColumns+` from identity_provider where id = $1`, id)
}

// CreateProvider keeps a new sign-in provider with its sealed client secret; an empty box is none. An id or a name that is taken
// is an ExistsError of that field.
func (tx *Tx) CreateProvider(p Provider, box []byte) error {
	rules, err := json.Marshal(p.Rules)
	if err != nil {
		return fmt.Errorf("encode rules: %w", err)
	}
	if _, err := tx.Provider(p.ID); err == nil {
		return &ExistsError{"id"}
	}
	_, err = tx.exec(`insert into identity_provider(id, name, name_fold, issuer, client_id, scopes, default_role, link_domains, rules, enabled, trusts_email, created_ms, updated_ms, version)
		values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,1)`, p.ID, p.Name, fold(p.Name), p.Issuer, p.ClientID, strings.Join(p.Scopes, " "), p.DefaultRole,
		strings.Join(p.LinkDomains, " "), string(rules), bit(p.Enabled), bit(p.TrustsEmail), ms(p.Created), ms(p.Updated))
	if unique(err) {
		return &ExistsError{"name"}
	}
	if err != nil {
		return err
	}
	return tx.keepProviderSecret(p.ID, box)
}

func (tx *Tx) keepProviderSecret(id string, box []byte) error {
	if len(box) == 0 {
		return nil
	}
	_, err := tx.exec(`insert into identity_provider_secret(provider_id, box) values($1,$2) on conflict(provider_id) do update set box = excluded.box`, id, box)
	return err
}

// UpdateProvider replaces a sign-in provider, unless it changed since it was read. A box replaces the saved client secret; forget
// removes it. Where the issuer changed and a saved secret is neither, the whole update is ErrSecretsNeeded (P12).
func (tx *Tx) UpdateProvider(p Provider, box []byte, forget bool) error {
	saved, err := tx.Provider(p.ID)
	if err != nil {
		return err
	}
	if saved.Issuer != p.Issuer && saved.SecretSet && len(box) == 0 && !forget {
		return ErrSecretsNeeded
	}
	rules, err := json.Marshal(p.Rules)
	if err != nil {
		return fmt.Errorf("encode rules: %w", err)
	}
	n, err := tx.exec(`update identity_provider set name=$1, name_fold=$2, issuer=$3, client_id=$4, scopes=$5, default_role=$6, link_domains=$7, rules=$8,
		enabled=$9, trusts_email=$10, updated_ms=$11, version=version+1 where id=$12 and version=$13`, p.Name, fold(p.Name), p.Issuer, p.ClientID, strings.Join(p.Scopes, " "),
		p.DefaultRole, strings.Join(p.LinkDomains, " "), string(rules), bit(p.Enabled), bit(p.TrustsEmail), ms(p.Updated), p.ID, p.Version)
	if unique(err) {
		return &ExistsError{"name"}
	}
	if err := changedOne(n, err); err != nil {
		return err
	}
	if forget {
		if _, err := tx.exec(`delete from identity_provider_secret where provider_id = $1`, p.ID); err != nil {
			return err
		}
	}
	tx.forgets = tx.forgets || forget || len(box) > 0
	return tx.keepProviderSecret(p.ID, box)
}

// DeleteProvider removes a sign-in provider with its secret and the sign-ins that are under way. Who its people are stays known.
func (tx *Tx) DeleteProvider(id string) error {
	tx.forgets = true
	return tx.must(`delete from identity_provider where id = $1`, id)
}

// ProviderSecret is the sealed client secret of a provider; none is ErrNotFound.
func (tx *Tx) ProviderSecret(id string) ([]byte, error) {
	return one(tx, value[[]byte], `select box from identity_provider_secret where provider_id = $1`, id)
}

// Providers is Tx.Providers in a snapshot of its own.
func (s *Store) Providers(ctx context.Context) ([]Provider, error) {
	return view(ctx, s, (*Tx).Providers)
}

// Provider is Tx.Provider in a snapshot of its own.
func (s *Store) Provider(ctx context.Context, id string) (Provider, error) {
	return view(ctx, s, func(tx *Tx) (Provider, error) { return tx.Provider(id) })
}

// ProviderSecret is Tx.ProviderSecret in a snapshot of its own.
func (s *Store) ProviderSecret(ctx context.Context, id string) ([]byte, error) {
	return view(ctx, s, func(tx *Tx) ([]byte, error) { return tx.ProviderSecret(id) })
}
