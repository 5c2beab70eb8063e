package providers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A Hostile is a provider that signs everybody in at once, and whose answers a test bends. Without bending it is honest.
type Hostile struct {
	Issuer string
	// What tests set, before a sign-in: each changes one answer.
	Claims    func(map[string]any)               // of the ID token
	Token     func(claims map[string]any) string // the whole ID token
	UserInfo  func(map[string]any)
	Answer    func(url.Values) // what the browser comes back with
	Discovery func(map[string]any)
	Keys      func() []byte // the whole key set
	Delay     time.Duration // before the discovery document
	Tokens    func(map[string]any)

	t          *testing.T
	server     *httptest.Server
	mu         sync.Mutex
	key        *rsa.PrivateKey
	keyID      string
	codes      map[string]url.Values
	Exchanges  []url.Values // what the token endpoint was asked, in order
	KeysServed int
	Asked      []url.Values // what the authorization endpoint was asked
}

// NewHostile runs one.
func NewHostile(t *testing.T) *Hostile {
	h := &Hostile{t: t, codes: map[string]url.Values{}}
	h.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", h.discovery)
	mux.HandleFunc("GET /authorize", h.authorize)
	mux.HandleFunc("POST /token", h.token)
	mux.HandleFunc("GET /userinfo", h.userInfo)
	mux.HandleFunc("GET /keys", h.keys)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h.Issuer, h.server = server.URL, server
	return h
}

// Stop takes it down for good.
func (h *Hostile) Stop() { h.server.Close() }

// Rotate gives it another key; the one before is gone.
func (h *Hostile) Rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(h.t, err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.key, h.keyID = key, rand.Text()
}

// Sign signs claims as the provider does.
func (h *Hostile) Sign(kind string, claims map[string]any) string {
	key, keyID := h.current()
	return sign(h.t, jose.RS256, key, keyID, kind, claims)
}

func (h *Hostile) current() (*rsa.PrivateKey, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.key, h.keyID
}

const published = "a secret of 32 bytes or even more"

// SignBadly signs with another algorithm, key or key id: alg "none" has no signature, "HS256" uses the public key as the secret.
func (h *Hostile) SignBadly(alg string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	check(h.t, err)
	encode := base64.RawURLEncoding.EncodeToString
	key, keyID := h.current()
	switch alg {
	case "none":
		return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
	case "HS256":
		return sign(h.t, jose.HS256, key.N.Bytes(), keyID, "JWT", claims)
	case "HS256 published": // its key set holds the secret that it signs with
		h.Keys = func() []byte {
			return fmt.Appendf(nil, `{"keys":[{"kty":"oct","alg":"HS256","kid":"published","k":%q}]}`, encode([]byte(published)))
		}
		return sign(h.t, jose.HS256, []byte(published), "published", "JWT", claims)
	case "wrong kid":
		return sign(h.t, jose.RS256, key, "nobody's", "JWT", claims)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	check(h.t, err)
	return sign(h.t, jose.RS256, other, keyID, "JWT", claims)
}

func (h *Hostile) discovery(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(h.Delay):
	}
	d := map[string]any{"issuer": h.Issuer, "authorization_endpoint": h.Issuer + "/authorize", "token_endpoint": h.Issuer + "/token",
		"userinfo_endpoint": h.Issuer + "/userinfo", "jwks_uri": h.Issuer + "/keys", "authorization_response_iss_parameter_supported": true,
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}}
	if h.Discovery != nil {
		h.Discovery(d)
	}
	answer(w, http.StatusOK, d)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (h *Hostile) authorize(w http.ResponseWriter, r *http.Request) {
	asked, code := r.URL.Query(), rand.Text()
	h.mu.Lock()
	h.Asked = append(h.Asked, asked)
	h.codes[code] = asked
	h.mu.Unlock()
	back := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {h.Issuer}}
	if h.Answer != nil {
		h.Answer(back)
	}
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token is strict: code once, PKCE, redirect and client as they must be.
func (h *Hostile) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	h.mu.Lock()
	h.Exchanges = append(h.Exchanges, r.PostForm)
	asked, known := h.codes[r.PostForm.Get("code")]
	delete(h.codes, r.PostForm.Get("code"))
	h.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	id, secret, _ := r.BasicAuth()
	switch {
	case id != ClientID || secret != Secret:
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "the secret was " + secret})
		return
	case !known, asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]), asked.Get("redirect_uri") != r.PostForm.Get("redirect_uri"):
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	tokens := map[string]any{"access_token": "canary-access-token", "token_type": "Bearer", "expires_in": 300, "id_token": h.idToken(asked.Get("nonce"))}
	if h.Tokens != nil {
		h.Tokens(tokens)
	}
	answer(w, http.StatusOK, tokens)
}

func (h *Hostile) idToken(nonce string) string {
	now := time.Now()
	hash := sha256.Sum256([]byte("canary-access-token"))
	c := map[string]any{"iss": h.Issuer, "sub": "eve", "aud": ClientID, "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "nonce": nonce,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]), "email": "eve@example.com", "email_verified": true, "name": "Eve", "auth_time": now.Unix()}
	if h.Claims != nil {
		h.Claims(c)
	}
	if h.Token != nil {
		return h.Token(c)
	}
	return h.Sign("JWT", c)
}

func (h *Hostile) userInfo(w http.ResponseWriter, _ *http.Request) {
	c := map[string]any{"sub": "eve"}
	if h.UserInfo != nil {
		h.UserInfo(c)
	}
	answer(w, http.StatusOK, c)
}

func (h *Hostile) keys(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	h.KeysServed++
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: h.key.Public(), KeyID: h.keyID, Algorithm: "RS256", Use: "sig"}}}
	h.mu.Unlock()
	if h.Keys != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(h.Keys())
		return
	}
	answer(w, http.StatusOK, set)
}
