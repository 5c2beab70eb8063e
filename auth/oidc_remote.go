package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"patchbay/store"
)

const (
	discoveryLasts = time.Hour
	remoteTime     = 20 * time.Second // all requests of one step together
)

// algorithms are the signatures that count: those with a public key. A provider that announces fewer is held to them by its keys.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// A remote is what a provider says of itself, with its keys. The key set is fetched when it is needed, kept as long as the rest,
// and fetched again when a signature names a key that is not in it.
type remote struct {
	provider *oidc.Provider
	keys     *oidc.RemoteKeySet
	document document
	version  int64 // of the settings that it was made from
	read     time.Time
}

// document is what counts of a discovery document.
type document struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Keys          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	Scopes        []string `json:"scopes_supported"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	AnswerIssuer  bool     `json:"authorization_response_iss_parameter_supported"`
	Backchannel   bool     `json:"backchannel_logout_supported"`
}

// remotes keeps what providers say of themselves.
type remotes struct {
	mu   sync.Mutex
	byID map[string]*remote
}

// clientContext makes go-oidc and oauth2 use the guarded client.
func (a *Auth) clientContext(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, a.oidc.Client)
}

// remote is what a provider says of itself: read within the last hour, or the last that could be read.
func (a *Auth) remote(ctx context.Context, p store.Provider) (*remote, error) {
	a.remotes.mu.Lock()
	known := a.remotes.byID[p.ID]
	a.remotes.mu.Unlock()
	if known != nil && known.version != p.Version {
		known = nil
	}
	if known != nil && a.now().Sub(known.read) < discoveryLasts {
		return known, nil
	}
	fresh, err := a.discover(ctx, p)
	if err != nil {
		if known != nil {
			return known, nil // its keys may be there though this page is not
		}
		return nil, err
	}
	a.remotes.mu.Lock()
	defer a.remotes.mu.Unlock()
	a.remotes.byID[p.ID] = fresh
	return fresh, nil
}

// discover reads a provider's discovery document and checks that it can be used.
func (a *Auth) discover(ctx context.Context, p store.Provider) (*remote, error) {
	ctx, cancel := context.WithTimeout(a.clientContext(ctx), remoteTime)
	defer cancel()
	provider, err := oidc.NewProvider(ctx, p.Issuer)
	var other *oidc.IssuerMismatchError
	var unanswered *url.Error
	switch {
	case errors.As(err, &other) && strings.Contains(other.Discovered, "{tenantid}"): // Entra ID for everybody: whose people these are nobody could tell
		return nil, failed(p, CauseMisconfigured, "it stands for every tenant: enter the address of one tenant, with its id in place of common or organizations", err)
	case errors.As(err, &other):
		return nil, failed(p, CauseMisconfigured, "it says that its issuer is "+cut(other.Discovered), err)
	case errors.As(err, &unanswered):
		return nil, failed(p, CauseUnreachable, "", err)
	case err != nil:
		return nil, failed(p, CauseMisconfigured, "there is no discovery document at "+p.Issuer+"/.well-known/openid-configuration", nil)
	}
	r := &remote{provider: provider, version: p.Version, read: a.now()}
	if err := provider.Claims(&r.document); err != nil {
		return nil, failed(p, CauseMisconfigured, "its discovery document cannot be read", nil)
	}
	if words := r.document.check(p.Issuer); words != "" {
		return nil, failed(p, CauseMisconfigured, words, nil)
	}
	r.keys = oidc.NewRemoteKeySet(a.clientContext(context.WithoutCancel(ctx)), r.document.Keys)
	return r, nil
}

// check says what is wrong with a document: an address that is missing, or less safe than the issuer's own.
func (d document) check(issuer string) string {
	for _, e := range []struct {
		name, address string
		needed        bool
	}{
		{"authorization_endpoint", d.Authorization, true}, {"token_endpoint", d.Token, true}, {"jwks_uri", d.Keys, true},
		{"userinfo_endpoint", d.UserInfo, false}, {"end_session_endpoint", d.EndSession, false},
	} {
		if e.address == "" && !e.needed {
			continue
		}
		if !safeAddress(e.address) {
			return "its " + e.name + " is missing or not https"
		}
	}
	if len(d.Challenges) > 0 && !slices.Contains(d.Challenges, "S256") {
		return "it does not support PKCE with S256"
	}
	return ""
}

// safeAddress says whether an address is https, or http on this machine.
func safeAddress(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	return u.Scheme == "https" || u.Scheme == "http" && local
}

func cut(s string) string {
	const most = 200
	return string([]rune(s)[:min(len([]rune(s)), most)])
}

// config is the client's side of the flow. The redirect is the one that was registered, whatever host the browser asked for.
func (a *Auth) config(p store.Provider, r *remote, clientSecret string) *oauth2.Config {
	endpoint := r.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if clientSecret == "" || len(r.document.TokenAuth) > 0 && !slices.Contains(r.document.TokenAuth, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: clientSecret, Endpoint: endpoint, RedirectURL: a.CallbackURL(p.ID), Scopes: p.Scopes}
}

// clientSecret opens a provider's client secret; a public client has none.
func (a *Auth) clientSecret(ctx context.Context, p store.Provider) (string, error) {
	box, err := a.store.ProviderSecret(ctx, p.ID)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	plain, err := a.oidc.Keys.Open(box, secretOwner(p)...)
	if err != nil {
		return "", fmt.Errorf("open client secret: %w", err)
	}
	return string(plain), nil
}

// secretOwner names whose a client secret is: this provider's, for this issuer alone (P12, P27).
func secretOwner(p store.Provider) []string {
	return []string{"identity provider", p.ID, p.Issuer, "client secret"}
}

// A keySet remembers whether the provider's keys could be read, which a failed check does not say.
type keySet struct {
	oidc.KeySet
	unread error
}

// VerifySignature implements oidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	k.unread = errors.Unwrap(err) // only what kept it from reading the keys is wrapped
	return payload, err
}
