package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"patchbay/store"
)

const (
	flowCookie = "patchbay-flow"
	flowLasts  = 10 * time.Minute
	clockSkew  = 5 * time.Minute
	flowsFrom  = 600 // from one network in the window: each keeps a row
)

// flow is what a sign-in remembers while the person is at the provider. It never leaves the server: the browser holds the id of
// it alone.
type flow struct {
	State, Nonce, Verifier string
	Next                   string // local path to go to afterwards
	Again                  string // id of the user who proves once more that it is them; empty: an ordinary sign-in
	Login                  bool   // the provider was asked to sign the person in anew, whoever is signed in there
	Started                time.Time
}

func flowOwner(hash []byte) []string { return []string{"sign-in flow", string(hash)} }

// StartProvider begins a sign-in and returns the provider's address to send the browser to. again asks someone who is signed in
// to sign in once more, for what takes a fresh proof (P45).
func (a *Auth) StartProvider(ctx context.Context, w http.ResponseWriter, r *http.Request, providerID, next string, again bool) (string, error) {
	p, err := a.enabled(ctx, providerID)
	if err != nil {
		return "", err
	}
	to, err := a.beginFlow(ctx, w, r, p, flow{Next: next, Login: again}, again)
	if err != nil {
		return "", errors.Join(err, a.auditProvider(ctx, r, p, flow{}, err))
	}
	return to, nil
}

func (a *Auth) beginFlow(ctx context.Context, w http.ResponseWriter, r *http.Request, p store.Provider, f flow, again bool) (string, error) {
	if wait := a.attempts.begin(attempt{networkKey + "flow " + Network(clientIP(r)): flowDelay}, a.now()); wait > 0 {
		return "", &LimitedError{Wait: wait}
	}
	rem, err := a.remote(ctx, p)
	if err != nil {
		return "", err
	}
	f.Verifier, f.Started = oauth2.GenerateVerifier(), a.now()
	f.State, _ = newSecret()
	f.Nonce, _ = newSecret()
	options := []oauth2.AuthCodeOption{oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)}
	age := a.wholeTime // asked for, auth_time has to be in the answer: who was signed in there long ago has given no fresh proof (P45)
	if again {
		s, _, err := a.session(r)
		if err != nil {
			return "", failed(p, CauseFlow, "session", err)
		}
		f.Again, age = s.UserID, 0
	}
	options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(age.Seconds()))))
	if f.Login {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	if err := a.keepFlow(ctx, w, r, p, f); err != nil {
		return "", err
	}
	return a.config(p, rem, "").AuthCodeURL(f.State, options...), nil
}

var flowDelay = atMost(flowsFrom)

func (a *Auth) keepFlow(ctx context.Context, w http.ResponseWriter, r *http.Request, p store.Provider, f flow) error {
	plain, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode flow: %w", err)
	}
	id, hash := newSecret()
	box, err := a.oidc.Keys.Seal(plain, flowOwner(hash)...)
	if err != nil {
		return fmt.Errorf("seal flow: %w", err)
	}
	kept := store.Flow{Hash: hash, ProviderID: p.ID, Box: box, Expires: f.Started.Add(flowLasts)}
	if err := a.store.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateFlow(kept, f.Started) }); err != nil {
		return err
	}
	a.carrier.hand(w, r, flowCookie, id, int(flowLasts.Seconds()))
	return nil
}

// takeFlow takes out the flow that this browser began, once: nobody gets it a second time.
func (a *Auth) takeFlow(ctx context.Context, w http.ResponseWriter, r *http.Request, p store.Provider) (f flow, err error) {
	id, ok := a.carrier.carried(r, flowCookie)
	if !ok {
		return f, failed(p, CauseFlow, "browser", nil)
	}
	a.carrier.hand(w, r, flowCookie, "", -1)
	var kept store.Flow
	err = a.store.Maintain(ctx, func(tx *store.Tx) error {
		kept, err = tx.TakeFlow(hashOf(id))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return f, failed(p, CauseFlow, "used", nil)
	}
	if err != nil {
		return f, err
	}
	if !a.now().Before(kept.Expires) {
		return f, failed(p, CauseFlow, "expired", nil)
	}
	if kept.ProviderID != p.ID {
		return f, failed(p, CauseFlow, "provider", nil)
	}
	plain, err := a.oidc.Keys.Open(kept.Box, flowOwner(kept.Hash)...)
	if err != nil {
		return f, failed(p, CauseFlow, "key", err)
	}
	if err := json.Unmarshal(plain, &f); err != nil {
		return f, fmt.Errorf("read flow: %w", err)
	}
	return f, nil
}

// FinishProvider ends a sign-in with what the provider sent the browser back with, and signs the browser in. It returns the local
// path to go to. What fails is a *ProviderError. Where someone signed in there too long ago, and the provider let that pass, it is asked
// once more and in plainer terms: that is a *SignInAgainError, and goes on at the provider.
func (a *Auth) FinishProvider(ctx context.Context, w http.ResponseWriter, r *http.Request, providerID string) (next string, err error) {
	p, err := a.enabled(ctx, providerID)
	if err != nil {
		return "", err
	}
	f, err := a.takeFlow(ctx, w, r, p)
	var proved proof
	if err == nil {
		proved, err = a.proveFlow(ctx, r.URL.Query(), p, f)
	}
	if err == nil {
		err = a.enter(ctx, w, r, p, f, proved)
	}
	if errors.Is(err, errLongAgo) && !f.Login {
		to, err := a.beginFlow(ctx, w, r, p, flow{Next: f.Next, Login: true}, false)
		if err == nil {
			err = &SignInAgainError{URL: to}
		} else {
			err = errors.Join(err, a.auditProvider(ctx, r, p, f, err))
		}
		return f.Next, err
	}
	if err != nil {
		err = errors.Join(err, a.auditProvider(ctx, r, p, f, err))
	}
	return f.Next, err
}

// errLongAgo is an answer about someone who signed in at the provider before what was asked for.
var errLongAgo = errors.New("signed in at the provider too long ago")

// A SignInAgainError is a sign-in that goes on at the provider, where the person signs in anew.
type SignInAgainError struct {
	URL string // at the provider
}

func (e *SignInAgainError) Error() string { return "the sign-in goes on at the provider" }

// A proof is what a provider proved of a person.
type proof struct {
	Issuer, Subject string
	Claims          map[string]any
	SID             string
	AuthTime        time.Time // when the person signed in there; zero: it does not say
	IDToken         string
}

// proveFlow checks the provider's answer in the browser, changes the code for tokens, and checks those.
func (a *Auth) proveFlow(ctx context.Context, answer url.Values, p store.Provider, f flow) (proof, error) {
	if answer.Has("error") {
		return proof{}, failed(p, CauseDenied, codeOf(answer.Get("error")), nil)
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.State)) != 1 {
		return proof{}, failed(p, CauseUntrusted, "state", nil)
	}
	rem, err := a.remote(ctx, p)
	if err != nil {
		return proof{}, err
	}
	if answer.Has("iss") && answer.Get("iss") != p.Issuer || rem.document.AnswerIssuer && !answer.Has("iss") {
		return proof{}, failed(p, CauseUntrusted, "iss", nil) // RFC 9207
	}
	ctx, cancel := context.WithTimeout(a.clientContext(ctx), remoteTime)
	defer cancel()
	tokens, err := a.exchange(ctx, p, rem, answer.Get("code"), f.Verifier)
	if err != nil {
		return proof{}, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	checked, err := a.checkIDToken(ctx, p, rem, raw, f.Nonce)
	if err != nil {
		return proof{}, err
	}
	if checked.AccessTokenHash != "" && checked.VerifyAccessToken(tokens.AccessToken) != nil {
		return proof{}, failed(p, CauseUntrusted, "at_hash", nil)
	}
	return a.gather(ctx, p, rem, checked, tokens, raw)
}

// exchange changes the code for tokens. What the provider answers is not kept in the error: it may hold them.
func (a *Auth) exchange(ctx context.Context, p store.Provider, rem *remote, code, verifier string) (*oauth2.Token, error) {
	clientSecret, err := a.clientSecret(ctx, p)
	if err != nil {
		return nil, err
	}
	tokens, err := a.config(p, rem, clientSecret).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	var refused *oauth2.RetrieveError
	var unanswered *url.Error
	switch {
	case errors.As(err, &refused):
		return nil, failed(p, CauseExchange, codeOf(refused.ErrorCode), nil)
	case errors.As(err, &unanswered):
		return nil, failed(p, CauseUnreachable, "", err)
	case err != nil:
		return nil, failed(p, CauseExchange, "", nil)
	}
	return tokens, nil
}

// verifier checks tokens of a provider for this client, by its clock and the allowed algorithms.
func (a *Auth) verifier(p store.Provider, keys oidc.KeySet) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(p.Issuer, keys, &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: algorithms, Now: a.now})
}

// checkIDToken checks all that an ID token must be: signed by the provider with an allowed algorithm, from it, for us, in time,
// the answer to this flow, and no logout token, which go-oidc takes for an ID token.
func (a *Auth) checkIDToken(ctx context.Context, p store.Provider, rem *remote, raw, nonce string) (*oidc.IDToken, error) {
	keys := &keySet{KeySet: rem.keys}
	t, err := a.verifier(p, keys).Verify(ctx, raw)
	if keys.unread != nil {
		return nil, failed(p, CauseUnreachable, "keys", nil)
	}
	if err != nil {
		return nil, failed(p, CauseUntrusted, "token", err)
	}
	var more struct {
		Party  string          `json:"azp"`
		Events json.RawMessage `json:"events"`
	}
	if err := t.Claims(&more); err != nil {
		return nil, failed(p, CauseUntrusted, "claims", nil)
	}
	switch {
	case len(more.Events) > 0:
		return nil, failed(p, CauseUntrusted, "events", nil)
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(nonce)) != 1:
		return nil, failed(p, CauseUntrusted, "nonce", nil)
	case t.IssuedAt.After(a.now().Add(clockSkew)) || t.IssuedAt.Unix() <= 0:
		return nil, failed(p, CauseUntrusted, "iat", nil)
	case t.Subject == "" || len(t.Subject) > 255:
		return nil, failed(p, CauseUntrusted, "sub", nil)
	case len(t.Audience) > 1 && more.Party == "" || more.Party != "" && more.Party != p.ClientID:
		return nil, failed(p, CauseUntrusted, "azp", nil)
	}
	return t, nil
}

// gather adds what the UserInfo endpoint says to the claims of the ID token, which win.
func (a *Auth) gather(ctx context.Context, p store.Provider, rem *remote, t *oidc.IDToken, tokens *oauth2.Token, raw string) (proof, error) {
	all := map[string]any{}
	if rem.document.UserInfo != "" && tokens.AccessToken != "" {
		info, err := rem.provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return proof{}, failed(p, CauseUnreachable, "userinfo", nil)
		}
		if info.Subject != t.Subject {
			return proof{}, failed(p, CauseUntrusted, "userinfo sub", nil)
		}
		if err := decodeClaims(info, all); err != nil {
			return proof{}, failed(p, CauseUntrusted, "userinfo", nil)
		}
	}
	signed := map[string]any{}
	if err := decodeClaims(t, signed); err != nil {
		return proof{}, failed(p, CauseUntrusted, "claims", nil)
	}
	maps.Copy(all, signed)
	out := proof{Issuer: p.Issuer, Subject: t.Subject, Claims: all, IDToken: raw}
	out.SID, _ = signed["sid"].(string) // of the session and when it began, the ID token alone tells
	if seconds, ok := signed["auth_time"].(json.Number); ok {
		if n, err := seconds.Int64(); err == nil && n > 0 {
			out.AuthTime = time.Unix(n, 0)
		}
	}
	return out, nil
}

// decodeClaims reads claims with their numbers as they were written.
func decodeClaims(from interface{ Claims(any) error }, into map[string]any) error {
	var raw json.RawMessage
	if err := from.Claims(&raw); err != nil {
		return err
	}
	claims, err := parseClaims(raw)
	maps.Copy(into, claims)
	return err
}

// scopes are what is asked for: openid always.
func scopes(words []string) []string {
	out := []string{oidc.ScopeOpenID}
	for _, w := range words {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}
