// Package auth finds out who is asking: passwords, server-side sessions, setup and invitation links, API tokens. Whatever a
// browser or a script holds is 256 random bits; the store has only its SHA-256, so that a copy of the store opens nothing.
// What the one who asks may do, access decides.
package auth

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/secret"
	"patchbay/store"
)

var (
	// ErrWrongPassword says that the e-mail address or the password is wrong; which one, and why, is not told.
	ErrWrongPassword = errors.New("wrong e-mail address or password")
	// ErrUsed says that a setup or invitation link was used, has expired, or never was one.
	ErrUsed = errors.New("the link was used or has expired")
	// ErrLocalOff says that nobody signs in with a password here.
	ErrLocalOff = errors.New("local sign-in is off")
	// ErrBadToken says that an API token is unknown, has expired, or belongs to someone who may not sign in.
	ErrBadToken = errors.New("bad API token")
)

// A FieldError is input that a person can mend, with words to put at the field.
type FieldError struct{ Field, Words string }

func (e *FieldError) Error() string { return "invalid " + e.Field + ": " + e.Words }

// A LimitedError refuses an attempt because too many came before it, or too many are being worked on.
type LimitedError struct{ Wait time.Duration }

func (e *LimitedError) Error() string { return fmt.Sprintf("too many attempts, wait %s", e.Wait) }

// Options say what an Auth works with.
type Options struct {
	Store     *store.Store
	Now       func() time.Time
	Secure    bool   // served over https: cookies are Secure and have the __Host- prefix
	DeviceKey []byte // signs the mark of browsers that have signed in before; empty: they are known until the next start
	OIDC      OIDCOptions
	// Keys seal the secrets of second steps. Nil: there are none to be had.
	Keys *secret.Ring
	// IdleTime and WholeTime are how long a session holds unused and at all; zero: 12 hours and 7 days (P45).
	IdleTime, WholeTime time.Duration
}

// An Auth answers who is asking. Its methods may be called from several goroutines. Limits on attempts are kept in memory.
type Auth struct {
	store     *store.Store
	now       func() time.Time
	carrier   carrier
	deviceKey []byte
	slots     *slots
	attempts  *limiter
	refusals  *limiter
	opened    sync.Map     // hashes of the web links that opened something since the start: one that does not any more is no guess
	leftOut   atomic.Int64 // refusals of which no row was kept, since the last that was
	oidc      OIDCOptions
	remotes   *remotes
	keys      *secret.Ring
	idleTime  time.Duration
	wholeTime time.Duration
}

// New makes an Auth.
func New(o Options) *Auth {
	a := &Auth{store: o.Store, now: o.Now, carrier: carrier{o.Secure}, deviceKey: o.DeviceKey, slots: newSlots(), attempts: newLimiter(), refusals: newLimiter(),
		oidc: o.OIDC, remotes: &remotes{byID: map[string]*remote{}},
		keys: o.Keys, idleTime: cmp.Or(o.IdleTime, idleTime), wholeTime: cmp.Or(o.WholeTime, wholeTime)}
	if len(a.deviceKey) == 0 {
		a.deviceKey = make([]byte, sha256.Size)
		_, _ = rand.Read(a.deviceKey) // never fails (crypto/rand)
	}
	return a
}

// Actor finds who sent a request. A request with a bearer token is the token's alone: its cookies are not looked at, and a bad
// token is ErrBadToken. Otherwise the session cookie counts; without a session that holds, the actor is the anonymous visitor.
func (a *Auth) Actor(r *http.Request) (access.Actor, error) {
	who, err := a.find(r)
	who.IP = clientIP(r)
	return who, err
}

func (a *Auth) find(r *http.Request) (access.Actor, error) {
	if plain, ok := bearer(r); ok {
		return a.tokenActor(r.Context(), plain)
	}
	s, u, err := a.session(r)
	if errors.Is(err, errNoSession) {
		return access.Actor{}, nil
	}
	if err != nil {
		return access.Actor{}, err
	}
	who := actorOf(u)
	who.SessionID = s.ID
	return who, nil
}

func actorOf(u store.User) access.Actor {
	return access.Actor{UserID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Groups: u.Groups}
}

// newSecret makes 256 random bits for someone to hold, and the hash to keep of them.
func newSecret() (plain string, hash []byte) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	plain = base64.RawURLEncoding.EncodeToString(b[:])
	return plain, hashOf(plain)
}

func hashOf(plain string) []byte {
	h := sha256.Sum256([]byte(plain))
	return h[:]
}

// newID is a fresh id: UUIDv7 text, so that ids sort by time.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	return id.String(), nil
}

// clientIP is the address of the other end of the connection, or of who stands behind a proxy that is configured. Forwarding headers
// of others are not believed: anybody can send them.
func clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Network is the address that attempts are counted by: whoever has one IPv6 address has the /64 around it.
func Network(ip string) string { return prefixOf(ip, 32, 64) }

// around is the range that networks of one hand often lie in.
func around(ip string) string { return prefixOf(ip, 24, 48) }

// prefixOf is the first bits of an address, as many as its kind has here. What is no address stays as it is.
func prefixOf(ip string, bits4, bits6 int) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr, bits := addr.Unmap().WithZone(""), bits6
	if addr.Is4() {
		bits = bits4
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}
