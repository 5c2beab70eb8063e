// Package handlers is the HTTP door: pages in HTML, the API in JSON. One table holds every route and who may call it; one
// table turns errors into answers. Rules and acts live in the packages below; a handler reads the request, asks them, and
// renders.
package handlers

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/connectors"
	"patchbay/notebook"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/store"
	"patchbay/workspace"
)

// A Server answers requests. Its fields are set once, before the first request.
type Server struct {
	Store     *store.Store
	Auth      *auth.Auth
	Workspace *workspace.Workspace
	Registry  *connectors.Registry
	Refresh   *refresh.Runner
	Query     *query.Runner
	Notebook  *notebook.Notebook
	Projects  *notebook.ProjectRunner
	Log       *slog.Logger
	BaseURL   string // public URL without a slash at the end; empty: from the request, in local use
	Version   string
	Now       func() time.Time
	Ready     func(context.Context) error // nil: ready; else why not
	Metrics   http.Handler
	// Waiting counts the requests that wait for an answer and have not done so for long: whoever works in the background gives way.
	Waiting *atomic.Int64
	// TrustedProxies are who may say on whose behalf they ask.
	TrustedProxies []netip.Prefix
	// Addresses are what the self-hoster tells people to allow in a firewall; empty: nothing is said.
	Addresses string

	drainOnce sync.Once
	draining  chan struct{}
	check     auditCheck
	visitors  visitors
}

// Drain ends open event streams, so that the server can stop. It may be called more than once.
func (s *Server) Drain() { s.drainOnce.Do(func() { close(s.draining) }) }

// maxBody bounds every request body.
const maxBody = 1 << 20

// bodyTime is how long a request body may take to arrive.
const bodyTime = 30 * time.Second

var errSignedOut = errors.New("nobody is signed in")

// Handler is the whole server: recover, request id, headers, cross-origin check, clean path, then the route.
func (s *Server) Handler() http.Handler {
	s.draining = make(chan struct{})
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.pattern, s.guarded(r))
	}
	mux.Handle("GET /static/", staticHandler())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, access.Actor{}, unmatched(mux, r)) })
	cross := http.NewCrossOriginProtection()
	cross.AddInsecureBypassPattern("POST /auth/oidc/{provider}/logout") // a provider's, proven by its own signature
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, access.Actor{}, &statusError{http.StatusForbidden, "cross_origin", "This request came from another site"})
	}))
	return s.wrap(cleanPath(s, cross.Handler(mux)))
}

// unmatched tells a wrong method from a wrong path.
func unmatched(mux *http.ServeMux, r *http.Request) error {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" && method != r.Method {
			return &statusError{http.StatusMethodNotAllowed, "method_not_allowed", "This address does not answer to " + r.Method}
		}
	}
	return errNotFound
}

// guarded asks who is calling and whether the route's rule lets them, then runs the handler.
func (s *Server) guarded(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := readBody(w, r)
		defer s.waits()() // who holds the rest of a request back waits for nothing
		var who access.Actor
		if err == nil {
			who, err = s.actor(r)
		}
		if err == nil {
			err = rt.who.allow(who, r)
		}
		if err == nil && rt.who.fresh() {
			err = s.confirmed(w, r, who)
		}
		if err == nil {
			err = rt.handle(s, w, r, who)
		}
		if err != nil {
			s.fail(w, r, who, err)
		}
	})
}

// readBody has the whole body here before anyone asks who sent it: a right that is taken away while someone holds the rest of a
// request back is not used any more (P44).
func readBody(w http.ResponseWriter, r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(bodyTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("limit reading: %w", err)
	}
	read, err := io.ReadAll(body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &statusError{http.StatusRequestTimeout, "request_timeout", "The request did not arrive in time. Send it again"}
	}
	if err != nil {
		return err
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("end limit on reading: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(read))
	return nil
}

// actor finds who is calling. A token counts on the API and for the metrics only: pages hold acts that ask for the password again,
// which a token cannot give (P45). A session counts everywhere, since a page's own script calls the API with it.
func (s *Server) actor(r *http.Request) (access.Actor, error) {
	if auth.HasToken(r) && !isAPI(r) && r.URL.Path != "/metrics" {
		return access.Actor{}, errTokenElsewhere
	}
	if r.URL.Query().Has("token") && isAPI(r) {
		return access.Actor{}, &badRequest{"token_in_url", "Send the token in the Authorization header, never in the address"}
	}
	who, err := s.Auth.Actor(r)
	who.RequestID = requestID(r)
	return who, err
}

// errTokenElsewhere refuses an API token on a page.
var errTokenElsewhere = &statusError{http.StatusUnauthorized, "token_elsewhere", "API tokens work on addresses that begin with /api/"}

// asNow is someone who sent a request a while ago with the role and groups that they have now. That their session's secret changed
// since, because they gave their password again, is nothing to it; that the session ended is a refusal.
func (s *Server) asNow(ctx context.Context, who access.Actor) (now access.Actor, err error) {
	err = s.Store.View(ctx, func(tx *store.Tx) (err error) {
		now, err = s.Query.Current(tx, who)
		return err
	})
	return now, err
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }

// wrap is around everything: request id, security headers, panic, access log.
func (s *Server) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = withRequestID(r)
		s.behindProxies(r)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		start := time.Now()
		s.securityHeaders(w, r)
		w.Header().Set("X-Request-Id", requestID(r)) // finds the request in the audit log and in the server's
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				s.Log.Error("panic in a handler", "panic", p, "stack", string(debug.Stack()), "request", requestID(r))
				if !rec.wrote {
					s.fail(rec, r, access.Actor{}, errors.New("panic"))
					p = nil
				}
			}
			s.Log.Debug("request", "method", r.Method, "path", loggedPath(r), "status", rec.status, "ms", time.Since(start).Milliseconds(), "request", requestID(r))
			if p != nil {
				panic(http.ErrAbortHandler) // the connection breaks off: nobody takes a part for the whole
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// soon is how long a request may take before others stop giving way to it: it is a stream, or waits for a database.
const soon = 200 * time.Millisecond

// waits counts a request among those that wait for an answer, until done is called or it has taken long.
func (s *Server) waits() (done func()) {
	if s.Waiting == nil {
		return func() {}
	}
	s.Waiting.Add(1)
	leave := sync.OnceFunc(func() { s.Waiting.Add(-1) })
	late := time.AfterFunc(soon, leave)
	return func() {
		late.Stop()
		leave()
	}
}

// sharePrefix is where the links for visitors lead; what follows is a token.
const sharePrefix = "/share/"

// loggedPath is a request's path as logs and the audit may hold it: cut where a token begins.
func loggedPath(r *http.Request) string {
	for _, prefix := range []string{sharePrefix, "/invite/"} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return prefix + "..."
		}
	}
	return r.URL.Path
}

// csp is the policy of every page. Notebook pages add a nonce to style-src for the editor, in noncePolicy.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) securityHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if strings.HasPrefix(r.URL.Path, sharePrefix) {
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Robots-Tag", "noindex")
	}
	if strings.HasPrefix(s.BaseURL, "https://") {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// styleNonce lets the editor's generated styles through on this answer (DESIGN-UI section 2, rule 2).
func styleNonce(w http.ResponseWriter) string {
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", strings.Replace(csp, "style-src 'self'", "style-src 'self' 'nonce-"+nonce+"'", 1))
	return nonce
}

// cleanPath refuses a path that another reader could take for another route, before routing (P18).
func cleanPath(s *Server, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if unclean(r.URL.EscapedPath(), r.URL.Path) {
			s.fail(w, r, access.Actor{}, errNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unclean(escaped, path string) bool {
	lower := strings.ToLower(escaped)
	for _, bad := range []string{"//", "/./", "/../", "%2f", "%5c", "%00", ";", "\\"} {
		if strings.Contains(lower, bad) {
			return true
		}
	}
	return strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") || (strings.HasSuffix(path, ".") && len(path) > 1)
}

// A recorder remembers the status for the access log and lets streaming handlers reach the connection.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func newRequestID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return idEncoding.EncodeToString(b[:])
}
