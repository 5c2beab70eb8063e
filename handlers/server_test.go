package handlers

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/postgres"
	"patchbay/connectors/sqlite"
	"patchbay/connectors/transport"
	"patchbay/notebook"
	"patchbay/notify"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

const password = "correct-horse-battery"

// How long a session holds unused and at all.
const (
	sessionIdle  = 12 * time.Hour
	sessionWhole = 7 * 24 * time.Hour
)

// A site is the whole server on a real store, with a SQLite file to query.
type site struct {
	t       *testing.T
	server  *Server
	http    *httptest.Server
	clients map[string]*http.Client // by who is signed in
	users   map[string]store.User
	logs    *bytes.Buffer
	dir     string
	keys    *secret.Ring
	waiting chan struct{} // gets one for each query that begins to wait
	later   atomic.Int64  // how much later it is for signing in, and for what runs, than it is
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, clients: map[string]*http.Client{"": client()}, users: map[string]store.User{}, logs: &bytes.Buffer{}, dir: dir}
	log := slog.New(slog.NewJSONHandler(s.logs, nil))
	keys := secret.NewRing()
	s.keys, s.waiting = keys, make(chan struct{}, 100)
	st, err := store.Open(t.Context(), store.Options{Dir: dir, Now: time.Now, AuditKey: keys.Derive("audit-mac")})
	s.check(err)
	registry, err := connectors.NewRegistry(append(sqlite.Connectors(), postgres.Connectors()...), nil)
	s.check(err)
	files := filepath.Join(dir, "files")
	s.check(os.Mkdir(files, 0o700))
	shop(t, filepath.Join(files, "shop.db"))
	opener := &workspace.Opener{Store: st, Registry: registry, Keys: keys, FilesDir: files}
	levels := func(kind string) []catalog.Level {
		c, _ := registry.Get(kind)
		return c.Levels
	}
	refreshes := refresh.NewRunner(refresh.Options{Store: st, Open: opener.Open, Levels: levels, Now: time.Now, Holder: "test", Log: log})
	later := func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }
	queries, err := query.NewRunner(query.Options{Store: st, Open: s.patient(opener.Open), Dir: filepath.Join(dir, "results"), Now: later, Log: log,
		Sessions: store.SessionLimits{Idle: sessionIdle, Whole: sessionWhole}})
	s.check(err)
	w := &workspace.Workspace{Store: st, Registry: registry, Opener: opener, Refresh: refreshes, Query: queries, Now: time.Now,
		Notify: notify.New(notify.Options{Store: st, Keys: keys, Client: transport.HTTPClient(transport.Policy{AllowPrivate: true}), Now: time.Now, Log: log, CSV: queries.AttachCSV})}
	s.http = httptest.NewUnstartedServer(nil)
	a := auth.New(auth.Options{Store: st, Keys: keys, Now: later, IdleTime: sessionIdle, WholeTime: sessionWhole,
		OIDC: auth.OIDCOptions{Client: transport.HTTPClient(transport.Policy{AllowPrivate: true}), Keys: keys, BaseURL: "http://" + s.http.Listener.Addr().String(),
			Changed: w.EndWhatIsNotAllowed, Ended: func(of func(access.Actor) bool) {
				queries.CancelFor(func(who access.Actor, _ string) bool { return of(who) })
			}}})
	book := notebook.New(st, queries, registry, time.Now)
	projects := notebook.NewProjectRunner(notebook.ProjectRunnerOptions{Store: st, Notebook: book, Query: queries, Now: time.Now, Holder: "test", Log: log})
	s.server = &Server{Store: st, Auth: a, Workspace: w, Registry: registry, Refresh: refreshes, Query: queries,
		Notebook: book, Projects: projects, Log: log, Version: "test", Now: time.Now, Ready: st.Ping,
		Metrics: http.NotFoundHandler()}
	s.http.Config.Handler = s.server.Handler()
	s.http.Start()
	t.Cleanup(func() {
		s.server.Drain()
		s.http.Close()
		projects.Stop()
		queries.Close()
		refreshes.Stop(context.Background())
		s.check(st.Close())
	})
	return s
}

// wait is a statement that runs until it is cancelled, as endless does, and takes no processor.
const wait = "wait"

// A patient is a source on which wait can run.
type patient struct {
	connectors.Source
	waiting chan<- struct{}
}

func (p patient) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	if st.SQL != wait {
		return p.Source.Query(ctx, st)
	}
	p.waiting <- struct{}{}
	<-ctx.Done()
	return nil, &connectors.Error{Cause: connectors.CauseCancelled, Op: "run the statement"}
}

// patient makes the sources that open opens patient.
func (s *site) patient(open func(context.Context, *store.Connection) (connectors.Source, error)) func(context.Context, *store.Connection) (connectors.Source, error) {
	return func(ctx context.Context, c *store.Connection) (connectors.Source, error) {
		src, err := open(ctx, c)
		if err != nil {
			return nil, err
		}
		return patient{src, s.waiting}, nil
	}
}

// shop makes a small SQLite database.
func shop(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite3", file)
	if err == nil {
		_, err = db.Exec(`create table orders (id integer primary key, country text not null, total numeric);
			create table items (order_id integer references orders(id), name text);
			insert into orders values (1, 'SK', 10.5), (2, 'CZ', null), (3, '=cmd', 7)`)
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// A jar keeps cookies whatever their domain; the server is one host.
type jar map[string]string

func (j jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(j, c.Name)
		} else {
			j[c.Name] = c.Value
		}
	}
}

func (j jar) Cookies(*url.URL) (out []*http.Cookie) {
	for name, value := range j {
		out = append(out, &http.Cookie{Name: name, Value: value})
	}
	return out
}

func client() *http.Client {
	return &http.Client{Jar: jar{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// person makes an account with a role and signs it in; "admin" comes first.
func (s *site) person(role access.Role) {
	s.t.Helper()
	s.named(string(role), role)
}

// named is person for several of one role.
func (s *site) named(name string, role access.Role) {
	s.t.Helper()
	if len(s.users) == 0 {
		s.check(s.server.Auth.CreateFirstAdmin(s.t.Context(), "admin", "admin@example.com", password))
		role = access.RoleAdmin
	} else {
		hash, err := s.server.Auth.HashPassword(s.t.Context(), password)
		s.check(err)
		_, err = s.server.Workspace.CreateUser(s.t.Context(), s.actor("admin"), workspace.UserInput{Email: name + "@example.com", Name: name, Role: role, PasswordHash: hash})
		s.check(err)
	}
	u, err := s.server.Store.UserByEmail(s.t.Context(), name+"@example.com")
	s.check(err)
	s.users[name], s.clients[name] = u, client()
	answer := s.do(name, "POST", "/sign-in", url.Values{"email": {u.Email}, "password": {password}})
	if answer.status != http.StatusSeeOther {
		s.t.Fatalf("signing in as %s answers %d", name, answer.status)
	}
}

func (s *site) actor(name string) access.Actor { return workspace.ActorOf(s.users[name]) }

// token is an API token of someone; of scope admin in other hands it is one of the time when they were an Admin.
func (s *site) token(name string, scope access.Scope) string {
	s.t.Helper()
	if scope == access.ScopeAdmin && s.users[name].Role != access.RoleAdmin {
		plain := "pbk_" + rand.Text()
		hash := sha256.Sum256([]byte(plain))
		t := store.APIToken{ID: rand.Text(), UserID: s.users[name].ID, Name: "test", Hash: hash[:], Scope: scope, Created: time.Now(), Expires: time.Now().Add(time.Hour)}
		s.check(s.server.Store.Maintain(s.t.Context(), func(tx *store.Tx) error { return tx.CreateAPIToken(t) }))
		return plain
	}
	plain, _, err := s.server.Auth.CreateAPIToken(s.t.Context(), s.actor(name), s.users[name].ID, "test", scope, time.Now().Add(time.Hour))
	s.check(err)
	return plain
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request as someone who is signed in by session. A url.Values body is a form, a string is JSON.
func (s *site) do(as, method, path string, body any) answer {
	s.t.Helper()
	return s.send(s.clients[as], method, path, body, nil)
}

// api sends a request with a token.
func (s *site) api(token, method, path, body string) answer {
	s.t.Helper()
	return s.send(client(), method, path, body, http.Header{"Authorization": {"Bearer " + token}})
}

func (s *site) send(c *http.Client, method, path string, body any, header http.Header) answer {
	s.t.Helper()
	var reader io.Reader
	kind := ""
	switch b := body.(type) {
	case url.Values:
		reader, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case string:
		if b != "" {
			reader, kind = strings.NewReader(b), "application/json"
		}
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, reader)
	s.check(err)
	for k, v := range header {
		r.Header[k] = v
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := c.Do(r)
	s.check(err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	s.check(err)
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// page is an answer's HTML.
func (a answer) page(t *testing.T) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// words are what an answer's page says, each element's apart from the next one's.
func (a answer) words(t *testing.T) string {
	t.Helper()
	a.body = strings.ReplaceAll(a.body, "<", " <")
	return strings.Join(strings.Fields(a.page(t).Find("main").Text()), " ")
}

// get is one value of an answer's JSON object.
func (a answer) get(t *testing.T, key string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return m[key]
}

// connect makes a workspace connection to the shop and waits until its catalog is read.
func (s *site) connect(name string, in workspace.ConnectionInput) store.Connection {
	s.t.Helper()
	in.Name, in.Type, in.Values = name, "sqlite", connectors.Values{"file": "shop.db"}
	c, err := s.server.Workspace.CreateConnection(s.t.Context(), s.actor("admin"), in)
	s.check(err)
	runs, err := s.server.Store.Runs(s.t.Context(), c.ID, 1, "")
	s.check(err)
	s.check(s.server.Refresh.Wait(s.t.Context(), runs[0].ID))
	return c
}

// project makes a project of someone's.
func (s *site) project(owner, name string, shares ...access.Share) store.Project {
	s.t.Helper()
	p, err := s.server.Workspace.CreateProject(s.t.Context(), s.actor(owner), name)
	s.check(err)
	if len(shares) > 0 {
		s.check(s.server.Workspace.SetShares(s.t.Context(), s.actor(owner), p.ID, append(shares, p.Shares...)))
	}
	return p
}
