package auth

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/claims"
	"patchbay/secret"
	"patchbay/store"
)

// Limits of what a provider's settings hold.
const (
	maxRules    = 200
	maxRuleText = 200
)

// A ProviderInput is the settings of a provider as they were filled in, without the rules.
type ProviderInput struct {
	ID, Name, Issuer, ClientID string
	Secret                     secret.Text // zero: unchanged
	ForgetSecret               bool
	Scopes, LinkDomains        string // separated by spaces or commas
	DefaultRole                access.Role
	TrustsEmail                bool
	Enabled                    bool
}

// A FieldsError is input that a person can mend, at several fields.
type FieldsError struct{ Fields map[string]string }

func (e *FieldsError) Error() string { return fmt.Sprintf("invalid fields: %d", len(e.Fields)) }

var (
	providerID  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	domainName  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$`)
	separator   = regexp.MustCompile(`[\s,]+`)
	scopeSyntax = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]{1,100}$`) // RFC 6749, section 3.3
)

func words(s string) []string {
	return slices.DeleteFunc(separator.Split(strings.TrimSpace(s), -1), func(w string) bool { return w == "" })
}

// provider checks an input and makes of it what is kept.
func (in ProviderInput) provider() (store.Provider, error) {
	p := store.Provider{ID: in.ID, Name: strings.TrimSpace(in.Name), Issuer: strings.TrimSpace(in.Issuer), ClientID: strings.TrimSpace(in.ClientID),
		Scopes: scopes(words(in.Scopes)), LinkDomains: words(strings.ToLower(in.LinkDomains)), DefaultRole: in.DefaultRole,
		TrustsEmail: in.TrustsEmail, Enabled: in.Enabled}
	bad := map[string]string{}
	if !providerID.MatchString(p.ID) {
		bad["id"] = "Use up to 40 small letters, digits and hyphens, such as okta"
	}
	if p.Name == "" || len([]rune(p.Name)) > maxName {
		bad["name"] = fmt.Sprintf("Enter a name of 1 to %d characters", maxName)
	}
	if !safeAddress(p.Issuer) || strings.ContainsAny(p.Issuer, "?\x00") {
		bad["issuer"] = "Enter the issuer's address as the provider writes it, beginning with https://"
	}
	if p.ClientID == "" || len(p.ClientID) > 500 {
		bad["client_id"] = "Enter the client ID that the provider gave to Patchbay"
	}
	if len(in.Secret.Reveal()) > 2000 {
		bad["client_secret"] = "This is longer than any client secret"
	}
	if slices.ContainsFunc(p.Scopes, func(s string) bool { return !scopeSyntax.MatchString(s) }) || len(p.Scopes) > 50 {
		bad["scopes"] = "Separate scopes by spaces, such as openid email profile groups"
	}
	if slices.ContainsFunc(p.LinkDomains, func(d string) bool { return !domainName.MatchString(d) }) || len(p.LinkDomains) > 100 {
		bad["link_domains"] = "Enter domains such as example.com, separated by spaces"
	}
	if p.DefaultRole != "" && (!slices.Contains(access.Roles, p.DefaultRole) || p.DefaultRole == access.RoleAdmin) {
		bad["default_role"] = "Choose from the list. Only a rule makes an Admin"
	}
	if len(bad) > 0 {
		return p, &FieldsError{bad}
	}
	return p, nil
}

// CreateProvider adds a sign-in provider. Only Admins may.
func (a *Auth) CreateProvider(ctx context.Context, who access.Actor, in ProviderInput) (store.Provider, error) {
	if err := access.AdminOnly(who, "add a sign-in provider"); err != nil {
		return store.Provider{}, err
	}
	p, err := in.provider()
	if err != nil {
		return p, err
	}
	p.Created = a.now()
	p.Updated = p.Created
	box, err := a.sealSecret(p, in.Secret)
	if err != nil {
		return p, err
	}
	entry := providerEntry(who, "provider.create", p)
	return p, a.store.Update(ctx, entry, func(tx *store.Tx) error { return tx.CreateProvider(p, box) })
}

// UpdateProvider replaces the settings of a provider but its rules. Only Admins may. A new issuer takes the client secret again.
func (a *Auth) UpdateProvider(ctx context.Context, who access.Actor, in ProviderInput) (store.Provider, error) {
	if err := access.AdminOnly(who, "change a sign-in provider"); err != nil {
		return store.Provider{}, err
	}
	p, err := in.provider()
	if err != nil {
		return p, err
	}
	box, err := a.sealSecret(p, in.Secret)
	if err != nil {
		return p, err
	}
	err = a.changeProvider(ctx, who, "provider.update", p.ID, box, in.ForgetSecret, func(before *store.Provider) {
		p.Rules, p.Created, p.Version = before.Rules, before.Created, before.Version
		*before = p
	})
	if errors.Is(err, store.ErrSecretsNeeded) {
		err = &FieldsError{map[string]string{"client_secret": "The issuer changed: enter the client secret again"}}
	}
	return p, err
}

// SetRules replaces the rules of a provider. Only Admins may. They count at each person's next sign-in.
func (a *Auth) SetRules(ctx context.Context, who access.Actor, providerID string, rules []claims.Rule) error {
	if err := access.AdminOnly(who, "change sign-in rules"); err != nil {
		return err
	}
	if bad := CheckRules(rules); len(bad) > 0 {
		return &FieldsError{bad}
	}
	return a.changeProvider(ctx, who, "provider.rules", providerID, nil, false, func(p *store.Provider) { p.Rules = rules })
}

// CheckRules says what is wrong with rules: by "rule-N", counted from 0.
func CheckRules(rules []claims.Rule) map[string]string {
	bad := map[string]string{}
	if len(rules) > maxRules {
		bad["rules"] = fmt.Sprintf("Use at most %d rules", maxRules)
	}
	for i, r := range rules {
		key := fmt.Sprintf("rule-%d", i)
		switch {
		case r.Claim == "" || len(r.Claim) > maxRuleText:
			bad[key] = "Name the claim, such as groups"
		case r.Value == "" || len(r.Value) > maxRuleText:
			bad[key] = "Enter the value that the claim must hold"
		case r.Role == "" && r.Group == "":
			bad[key] = "Choose a role, a group, or both"
		case r.Role != "" && !slices.Contains(access.Roles, r.Role):
			bad[key] = "Choose a role from the list"
		case r.Role == access.RoleAdmin && strings.HasSuffix(r.Value, "*"):
			bad[key] = "A rule that makes Admins needs the whole value, without *"
		case r.Group != "" && r.Group != claims.SameName && !validGroup(r.Group):
			bad[key] = "Enter a group's name, which must not be that of a built-in group"
		}
	}
	return bad
}

// changeProvider changes a provider in one transaction. One that is turned off, or is another's now, ends the sessions that came
// from it; the last way to sign in stays.
func (a *Auth) changeProvider(ctx context.Context, who access.Actor, action, id string, box []byte, forget bool, change func(*store.Provider)) error {
	var over bool
	err := a.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		p, err := tx.Provider(id)
		if err != nil {
			return store.AuditEntry{}, err
		}
		issuer := p.Issuer
		change(&p)
		p.Updated = a.now()
		entry := providerEntry(who, action, p)
		if err := tx.UpdateProvider(p, box, forget); err != nil {
			return entry, err
		}
		if over = !p.Enabled || p.Issuer != issuer; !over {
			return entry, nil
		}
		if _, err := tx.EndProviderSessions(id, "", ""); err != nil {
			return entry, err
		}
		return entry, stillEnterable(tx)
	})
	if err == nil && over {
		a.endOrphans(ctx)
	}
	return err
}

// DeleteProvider removes a provider. Its people stay, without a way in, as do the groups they were given.
func (a *Auth) DeleteProvider(ctx context.Context, who access.Actor, id string) error {
	if err := access.AdminOnly(who, "delete a sign-in provider"); err != nil {
		return err
	}
	err := a.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		p, err := tx.Provider(id)
		if err != nil {
			return store.AuditEntry{}, err
		}
		if _, err := tx.EndProviderSessions(id, "", ""); err != nil {
			return store.AuditEntry{}, err
		}
		if err := tx.DeleteProvider(id); err != nil {
			return store.AuditEntry{}, err
		}
		return providerEntry(who, "provider.delete", p), stillEnterable(tx)
	})
	if err == nil {
		a.endOrphans(ctx)
	}
	return err
}

// endOrphans ends what runs in sessions that are no more.
func (a *Auth) endOrphans(ctx context.Context) {
	a.ended(func(who access.Actor) bool {
		if who.Scope != access.ScopeSession || who.SessionID == "" {
			return false
		}
		gone := true
		err := a.store.View(ctx, func(tx *store.Tx) error {
			sessions, err := tx.UserSessions(who.UserID)
			gone = !slices.ContainsFunc(sessions, func(s store.Session) bool { return s.ID == who.SessionID })
			return err
		})
		return err == nil && gone
	})
}

// stillEnterable refuses to take away the last way for an Admin to sign in.
func stillEnterable(tx *store.Tx) error {
	n, err := tx.CountAdminsWithAWayIn()
	if err == nil && n == 0 {
		err = &FieldsError{map[string]string{"enabled": "No Admin could sign in any more. Give an Admin a password first, with local sign-in on"}}
	}
	return err
}

// SetLocalSignIn turns signing in with a password on or off. Only Admins may; off takes an Admin who has signed in with a provider.
// Off ends the sessions that began with a password.
func (a *Auth) SetLocalSignIn(ctx context.Context, who access.Actor, on bool) error {
	if err := access.AdminOnly(who, "change how people sign in"); err != nil {
		return err
	}
	entry := store.AuditEntry{Who: who, Action: "settings.update", ObjectType: "settings", ObjectID: "workspace", ObjectName: "Workspace",
		Detail: map[string]any{store.SettingLocalSignIn: on}}
	err := a.store.Update(ctx, entry, func(tx *store.Tx) error {
		if err := tx.SetSetting(store.SettingLocalSignIn, fmt.Sprint(on)); err != nil {
			return err
		}
		n, err := tx.CountProviderAdmins()
		if err != nil || on {
			return err
		}
		if n == 0 {
			return &FieldsError{map[string]string{"local": "First sign in as an Admin with a provider"}}
		}
		if n, err = tx.CountProviderAdminsWhoProve(); err != nil {
			return err
		}
		if n == 0 {
			return &FieldsError{map[string]string{"local": "The provider does not say when an Admin signed in there (auth_time), so no Admin could confirm what takes a fresh proof. Have it send auth_time, or leave local sign-in on"}}
		}
		_, err = tx.EndProviderSessions("", "", "")
		return err
	})
	if err == nil && !on {
		a.endOrphans(ctx)
	}
	return err
}

// sealSecret seals a client secret for its provider and issuer; none is nothing.
func (a *Auth) sealSecret(p store.Provider, s secret.Text) ([]byte, error) {
	if s.IsZero() {
		return nil, nil
	}
	box, err := a.oidc.Keys.Seal([]byte(s.Reveal()), secretOwner(p)...)
	if err != nil {
		return nil, fmt.Errorf("seal client secret: %w", err)
	}
	return box, nil
}

func providerEntry(who access.Actor, action string, p store.Provider) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "provider", ObjectID: p.ID, ObjectName: p.Name,
		Detail: map[string]any{"issuer": p.Issuer, "client_id": p.ClientID, "enabled": p.Enabled, "default_role": p.DefaultRole, "rules": p.Rules,
			"link_domains": p.LinkDomains, "trusts_email": p.TrustsEmail}}
}
