// Package providers runs OpenID Connect providers inside a test: two real ones, written independently of each other, and a
// hostile one whose every answer a test can bend.
package providers

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The client that every provider knows.
const (
	ClientID = "patchbay"
	Secret   = "canary-client-secret-4711"
)

// A Provider is one that runs, with the person whom it knows.
type Provider struct {
	Name, Issuer             string
	User, Password, Subject  string
	Email                    string
	key                      any
	keyID                    string
	mu                       sync.Mutex
	groups                   any
	signedOut                int
	NamesItself, AtHash, Azp bool // what its answers have
}

// SetGroups says what its claim groups holds from the next sign-in on; nil: the claim is not sent.
func (p *Provider) SetGroups(groups any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups = groups
}

// SignedOut is how often someone was signed out there by a client's sign-out.
func (p *Provider) SignedOut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signedOut
}

func (p *Provider) countSignOut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signedOut++
}

func (p *Provider) claims(subject string) map[string]any {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := map[string]any{"sid": "s-" + subject}
	if p.groups != nil {
		c["groups"] = p.groups
	}
	return c
}

// LogoutToken is what the provider posts when the person signs out there; change bends its claims first.
func (p *Provider) LogoutToken(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	now := time.Now()
	c := map[string]any{"iss": p.Issuer, "sub": p.Subject, "sid": "s-" + p.Subject, "aud": ClientID, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	if change != nil {
		change(c)
	}
	return sign(t, jose.RS256, p.key, p.keyID, "logout+jwt", c)
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, keyID, kind string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	check(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, (&jose.SignerOptions{}).WithType(jose.ContentType(kind)))
	check(t, err)
	object, err := signer.Sign(payload)
	check(t, err)
	text, err := object.CompactSerialize()
	check(t, err)
	return text
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Both are the two real providers, each for a client with these addresses.
var Both = map[string]func(t *testing.T, callback, signedOut string) *Provider{"zitadel": Zitadel, "luikyv": Luikyv}

// zitadelStore is zitadel's example store with groups among its claims.
type zitadelStore struct {
	*storage.Storage
	p         *Provider
	signedOut string
}

func (s *zitadelStore) add(ui *oidc.UserInfo) {
	for name, v := range s.p.claims(ui.Subject) {
		ui.AppendClaims(name, v)
	}
}

// SetUserinfoFromRequest adds to the ID token.
func (s *zitadelStore) SetUserinfoFromRequest(ctx context.Context, ui *oidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	err := s.Storage.SetUserinfoFromRequest(ctx, ui, r, scopes)
	s.add(ui)
	return err
}

// SetUserinfoFromToken adds to what the UserInfo endpoint says.
func (s *zitadelStore) SetUserinfoFromToken(ctx context.Context, ui *oidc.UserInfo, token, subject, origin string) error {
	err := s.Storage.SetUserinfoFromToken(ctx, ui, token, subject, origin)
	s.add(ui)
	return err
}

// TerminateSession counts.
func (s *zitadelStore) TerminateSession(ctx context.Context, user, client string) error {
	s.p.countSignOut()
	return s.Storage.TerminateSession(ctx, user, client)
}

// GetClientByClientID is the client with the address that its sign-out ends at.
func (s *zitadelStore) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	return &zitadelClient{c, s.signedOut}, err
}

type zitadelClient struct {
	op.Client
	signedOut string
}

// PostLogoutRedirectURIs is where its sign-out may end.
func (c *zitadelClient) PostLogoutRedirectURIs() []string { return []string{c.signedOut} }

// IDTokenUserinfoClaimsAssertion puts the claims into the ID token.
func (c *zitadelClient) IDTokenUserinfoClaimsAssertion() bool { return true }

// Zitadel runs zitadel/oidc's example provider.
func Zitadel(t *testing.T, callback, signedOut string) *Provider {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	issuer := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	// Clients are in a list of the whole process, which its stores read as they are made: one test makes a store at a time.
	zitadelClients.Lock()
	defer zitadelClients.Unlock()
	storage.RegisterClients(storage.WebClient(ClientID, Secret, callback))
	p := &Provider{Name: "Zitadel", Issuer: issuer, User: "test-user@localhost", Password: "verysecure", Subject: "id1", Email: "test-user@zitadel.ch", AtHash: true, Azp: true}
	s := &zitadelStore{storage.NewStorage(storage.NewUserStore(issuer)), p, signedOut}
	key, err := s.SigningKey(t.Context())
	check(t, err)
	p.key, p.keyID = key.Key(), key.ID()
	handler = exampleop.SetupServer(issuer, s, nil, false)
	return p
}

var zitadelClients sync.Mutex

// Luikyv runs luikyv/go-oidc, which is certified.
func Luikyv(t *testing.T, callback, signedOut string) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	p := &Provider{Name: "Luikyv", Issuer: server.URL, User: "alice", Password: "alice-pw", Subject: "alice", Email: "alice@example.test", key: key, keyID: "k1", NamesItself: true}
	keys := goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{KeyID: "k1", Key: key, Algorithm: "RS256", Use: "sig"}}}
	claims := func(_ context.Context, g *goidc.Grant) map[string]any {
		c := p.claims(g.Subject)
		c["email"], c["email_verified"], c["name"], c["auth_time"] = g.Subject+"@example.test", true, "Alice Liddell", time.Now().Unix()
		return c
	}
	served, err := provider.New(server.URL, nil, func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil },
		provider.WithScopes(goidc.ScopeOpenID, goidc.NewScope("email"), goidc.NewScope("profile"), goidc.NewScope("groups")),
		provider.WithIDTokenSignatureAlgs(goidc.RS256), provider.WithUserInfoSignatureAlgs(goidc.RS256),
		provider.WithAuthCodeGrant(nil, goidc.ResponseTypeCode), provider.WithPKCERequired(goidc.CodeChallengeMethodSHA256), provider.WithIssuerResponseParameter(),
		provider.WithTokenAuthnMethods(goidc.AuthnMethodSecretBasic),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewOpaqueTokenOptions(300)
		}),
		provider.WithIDTokenClaims(claims), provider.WithUserInfoClaims(claims),
		provider.WithStaticClients(&goidc.Client{ID: ClientID, Secret: Secret, ClientMeta: goidc.ClientMeta{
			ScopeIDs: "openid email profile groups", RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{signedOut},
			GrantTypes: []goidc.GrantType{goidc.GrantAuthorizationCode}, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode},
			TokenAuthnMethod: goidc.AuthnMethodSecretBasic}}),
		provider.WithPolicies(goidc.NewPolicy("p", func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }, askPassword)),
		provider.WithLogout(nil, func(http.ResponseWriter, *http.Request, *goidc.LogoutSession) error { return nil }),
		provider.WithLogoutPolicies(goidc.NewLogoutPolicy("p", func(*http.Request, *goidc.LogoutSession) bool { return true },
			func(_ http.ResponseWriter, _ *http.Request, s *goidc.LogoutSession) (goidc.Status, error) {
				if s.IDTokenHintClaims["sub"] == "alice" {
					p.countSignOut()
				}
				return goidc.StatusSuccess, nil
			})))
	check(t, err)
	handler = served.Handler()
	return p
}

// askPassword shows a form until the password is right.
func askPassword(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
	if s.Subject = r.PostFormValue("username"); s.Subject == "" || r.PostFormValue("password") != s.Subject+"-pw" {
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Sign in</title><link rel="icon" href="data:,"><form method="post" action="/authorize/%s"><input name="username"><input name="password"><button>Sign in</button></form>`, s.ID)
		return goidc.StatusPending, nil
	}
	s.GrantedScopes = s.Scopes
	return goidc.StatusSuccess, nil
}
