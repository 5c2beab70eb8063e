package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"

	"patchbay/access"
	"patchbay/claims"
	"patchbay/store"
)

// A Discovery is what a provider says of itself, for the Admin.
type Discovery struct {
	Issuer       string
	Algorithms   []string // signatures that both sides accept
	Scopes       []string
	SignOut      bool // it can be told that someone signs out here
	Backchannel  bool // it tells when someone signs out there
	AnswerIssuer bool // its answers name it
}

// TestDiscovery asks a provider what it says of itself and whether its keys can be read. Only Admins may. What fails is a
// *ProviderError.
func (a *Auth) TestDiscovery(ctx context.Context, who access.Actor, in ProviderInput) (Discovery, error) {
	if err := access.AdminOnly(who, "test a sign-in provider"); err != nil {
		return Discovery{}, err
	}
	p := store.Provider{ID: in.ID, Name: strings.TrimSpace(in.Name), Issuer: strings.TrimSpace(in.Issuer)}
	if !safeAddress(p.Issuer) {
		return Discovery{}, &FieldsError{map[string]string{"issuer": "Enter the issuer's address as the provider writes it, beginning with https://"}}
	}
	d, err := a.testDiscovery(ctx, p)
	entry := providerEntry(who, "provider.test", p)
	entry.Detail = map[string]any{"issuer": p.Issuer}
	if err != nil {
		entry.Outcome = "failed"
	}
	if kept := a.store.Audit(context.WithoutCancel(ctx), entry); kept != nil || err != nil {
		return Discovery{}, errors.Join(err, kept)
	}
	return d, nil
}

func (a *Auth) testDiscovery(ctx context.Context, p store.Provider) (Discovery, error) {
	rem, err := a.discover(ctx, p)
	if err != nil {
		return Discovery{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, remoteTime)
	defer cancel()
	if err := readKeys(ctx, rem); err != nil {
		return Discovery{}, failed(p, CauseUnreachable, "keys", nil)
	}
	d := Discovery{Issuer: p.Issuer, Scopes: rem.document.Scopes, SignOut: rem.document.EndSession != "", Backchannel: rem.document.Backchannel,
		AnswerIssuer: rem.document.AnswerIssuer}
	for _, alg := range rem.document.Algorithms {
		if slices.Contains(algorithms, alg) {
			d.Algorithms = append(d.Algorithms, alg)
		}
	}
	if len(d.Algorithms) == 0 {
		return Discovery{}, failed(p, CauseMisconfigured, "it signs with no algorithm that is safe here", nil)
	}
	return d, nil
}

// readKeys makes the key set read its keys, by a token that no key has signed.
func readKeys(ctx context.Context, rem *remote) error {
	const nobodys = "eyJhbGciOiJSUzI1NiIsImtpZCI6InBhdGNoYmF5LXRlc3QifQ.e30.AAAA"
	keys := &keySet{KeySet: rem.keys}
	_, _ = keys.VerifySignature(ctx, nobodys)
	return keys.unread
}

// A Trial is what a pasted token would give someone who signs in for the first time.
type Trial struct {
	Mapping  claims.Mapping
	Verified bool   // the provider signed it
	Note     string // what was found of the signature, for people
}

const maxPasted = 64 << 10

// TryToken maps the claims of a pasted token by the provider's rules. Only Admins may. The token is neither kept nor logged.
func (a *Auth) TryToken(ctx context.Context, who access.Actor, providerID, pasted string) (Trial, error) {
	if err := access.AdminOnly(who, "try sign-in rules"); err != nil {
		return Trial{}, err
	}
	p, err := a.store.Provider(ctx, providerID)
	if err != nil {
		return Trial{}, err
	}
	pasted = strings.TrimSpace(pasted)
	payload := []byte(pasted)
	signed := !strings.HasPrefix(pasted, "{")
	if signed {
		parts := strings.Split(pasted, ".")
		if len(parts) != 3 {
			return Trial{}, &FieldsError{map[string]string{"token": "Paste an ID token, three parts with dots between them, or its claims as JSON"}}
		}
		if payload, err = base64.RawURLEncoding.DecodeString(parts[1]); err != nil {
			payload = nil
		}
	}
	all, err := parseClaims(payload)
	if err != nil || len(pasted) > maxPasted {
		return Trial{}, &FieldsError{map[string]string{"token": "This cannot be read as a token or as JSON. Paste it whole"}}
	}
	t := Trial{Mapping: claims.Map(claims.Rules{Rules: p.Rules, Default: p.DefaultRole}, all, claims.Last{}), Note: "Pasted claims have no signature"}
	if signed {
		t.Verified, t.Note = a.tryVerify(ctx, p, pasted)
	}
	return t, nil
}

// tryVerify says whether a pasted token is the provider's, and for whom and when.
func (a *Auth) tryVerify(ctx context.Context, p store.Provider, raw string) (verified bool, note string) {
	if a.oidc.Client == nil {
		return false, "The signature was not checked"
	}
	rem, err := a.remote(ctx, p)
	if err != nil {
		return false, "The signature was not checked: the provider cannot be asked for its keys"
	}
	ctx, cancel := context.WithTimeout(a.clientContext(ctx), remoteTime)
	defer cancel()
	keys := &keySet{KeySet: rem.keys}
	t, err := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	switch {
	case keys.unread != nil:
		return false, "The signature was not checked: the provider's keys cannot be read"
	case err != nil:
		return false, "This is not a token of this provider: its signature or its issuer is wrong"
	case !slices.Contains(t.Audience, p.ClientID):
		return true, "The provider signed it, for another client than " + p.ClientID
	case t.Expiry.Before(a.now()):
		return true, "The provider signed it; it has expired since"
	}
	return true, "The provider signed it, for this client"
}

var errClaims = errors.New("the claims are no JSON object")

// parseClaims reads one JSON object with its numbers as they were written.
func parseClaims(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil || all == nil {
		return nil, errClaims
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errClaims
	}
	return all, nil
}
