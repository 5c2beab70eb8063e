package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/go-co-op/gocron/v2"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors/transport"
	"patchbay/schedule"
	"patchbay/secret"
	"patchbay/store"
)

const canary = "T0K3N-canary"

// A desk is a sender on a real store with a connection that tells.
type desk struct {
	*Sender
	t    *testing.T
	now  time.Time
	runs int
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, runs: -1, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	keys := secret.NewRing()
	clock := func() time.Time { return d.now }
	st, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Now: clock, AuditKey: keys.Derive("audit-mac")})
	d.check(err)
	t.Cleanup(func() { d.check(st.Close()) })
	policy := transport.Policy{AllowPrivate: true, Own: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}}
	d.Sender = New(Options{Store: st, Keys: keys, Client: transport.HTTPClient(policy), Dial: transport.NewDialer(policy, nil).Dial,
		BaseURL: "https://patchbay.example.com", Now: clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	d.maintain(func(tx *store.Tx) error {
		return tx.CreateConnection(store.Connection{ID: "w", Name: "Ware\r\nBcc: x@y <script>", Type: "postgres", Config: map[string]string{}, Schedule: schedule.Spec{Kind: schedule.Off}, Created: d.now}, nil)
	})
	d.ends(store.Run{State: "succeeded", Added: 1}) // the first reading, which is no change
	return d
}

func (d *desk) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) maintain(fn func(*store.Tx) error) {
	d.t.Helper()
	d.check(d.Store.Maintain(d.t.Context(), fn))
}

// hook makes a webhook that wants every event.
func (d *desk) hook(url string) {
	d.t.Helper()
	box, err := d.Seal("hook", Hook{URL: url, Key: "signing-key"})
	d.check(err)
	d.target(store.NotificationTarget{ID: "hook", Kind: "webhook", Shown: "host", Box: box})
}

func (d *desk) target(t store.NotificationTarget) {
	d.t.Helper()
	t.ConnectionID, t.Events = "w", []string{store.EventSchemaChanged, store.EventRefreshFailing, store.EventRefreshRecovered}
	d.maintain(func(tx *store.Tx) error { return tx.CreateTarget(t) })
}

// ends lets a refresh end.
func (d *desk) ends(run store.Run, changes ...store.Change) {
	d.t.Helper()
	d.runs++
	run.ID, run.ConnectionID, run.Trigger, run.Queued, run.Finished = "run-"+strconv.Itoa(d.runs), "w", "schedule", d.now, d.now
	d.maintain(func(tx *store.Tx) error { return tx.CreateRun(run) })
	fence, err := d.Store.Acquire(d.t.Context(), "refresh:w", "test", time.Minute)
	d.check(err)
	if run.State == "succeeded" {
		d.check(d.Store.PublishCatalog(d.t.Context(), "w", int64(d.runs), fence, run, store.CatalogState{}, changes, nil))
		return
	}
	d.maintain(func(tx *store.Tx) error { return tx.UpdateRun(run) })
}

func (d *desk) last() store.Notification {
	d.t.Helper()
	var all []store.Notification
	d.check(d.Store.View(d.t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.Notifications("w", 1)
		return err
	}))
	if len(all) == 0 {
		d.t.Fatal("nothing is told")
	}
	return all[0]
}

// What a webhook gets is signed, names what changed and where to look, and has the same id in every attempt.
func TestWebhook(t *testing.T) {
	d := newDesk(t)
	var got []*http.Request
	var bodies [][]byte
	status := http.StatusServiceUnavailable
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, bodies = append(got, r), append(bodies, body)
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	d.hook(receiver.URL + "/services/" + canary)
	d.ends(store.Run{State: "succeeded", Added: 1, Changed: 29},
		store.Change{Change: "added", Path: catalog.Path{"shop", "public", "orders"}}, store.Change{Change: "changed", Path: catalog.Path{"shop", "public", "items"}, Detail: "column total: integer -> bigint"})
	d.SendDue(t.Context())
	if n := d.last(); n.State != "waiting" || !strings.Contains(n.Outcome, "503") || !n.Next.Equal(d.now.Add(time.Minute)) {
		t.Errorf("after a failure: %+v", n)
	}
	d.SendDue(t.Context()) // not yet
	status, d.now = http.StatusNoContent, d.now.Add(time.Minute)
	d.SendDue(t.Context())
	d.now = d.now.Add(time.Hour)
	d.SendDue(t.Context())
	if n := d.last(); n.State != "sent" || len(got) != 2 {
		t.Fatalf("%d attempts, %+v", len(got), n)
	}
	var m Message
	d.check(json.Unmarshal(bodies[1], &m))
	if m.Event != "schema_changed" || m.Counts["changed"] != 29 || len(m.Changes) != 2 || m.More != 28 || m.Changes[1].Detail == "" ||
		m.Run.URL != "https://patchbay.example.com/settings/connections/w/refreshes/run-1" || !strings.Contains(m.Text, "added shop.public.orders") {
		t.Errorf("%s", bodies[1])
	}
	if got[0].Header.Get("Patchbay-Delivery") != got[1].Header.Get("Patchbay-Delivery") || m.ID != got[1].Header.Get("Idempotency-Key") || !bytes.Equal(bodies[0], bodies[1]) {
		t.Error("the second attempt looks like another message")
	}
	seconds, signature, _ := strings.Cut(strings.TrimPrefix(got[1].Header.Get("Patchbay-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte("signing-key"))
	fmt.Fprintf(mac, "%d.%s", d.now.Add(-time.Hour).Unix(), bodies[1])
	if seconds != strconv.FormatInt(d.now.Add(-time.Hour).Unix(), 10) || signature != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signature %s", got[1].Header.Get("Patchbay-Signature"))
	}
	if m.Connection.Name != "Ware\r\nBcc: x@y <script>" || !strings.Contains(m.Text, "&lt;script&gt;") || strings.ContainsAny(m.Text, "<>") {
		t.Errorf("chat services read this as their own marks: %q", m.Text)
	}
}

// The signature is the one that receivers in the field make: computed by openssl dgst -sha256 -hmac.
func TestSignature(t *testing.T) {
	const want = "60946fb54b8f52ba8f1c72ca19ea5c37b21f4b80be0d1b6287f23c268c0c05b0"
	if got := sign("signing-key", "1700000000", []byte(`{"event":"test"}`)); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

// A receiver that hangs keeps back none but its own messages (P68): neither those of the same round nor those of the next ones.
func TestStuckReceiverKeepsBackNoOther(t *testing.T) {
	d := newDesk(t)
	d.http.Timeout = time.Hour
	stuck, told := make(chan struct{}), make(chan struct{}, 1)
	var asked atomic.Int64
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		<-stuck
	}))
	defer hangs.Close()
	healthy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told <- struct{}{} }))
	defer healthy.Close()
	for id, url := range map[string]string{"a": hangs.URL, "b": healthy.URL} {
		box, err := d.Seal(id, Hook{URL: url, Key: "k"})
		d.check(err)
		d.target(store.NotificationTarget{ID: id, Kind: "webhook", Shown: url, Box: box})
	}
	s, err := gocron.NewScheduler()
	d.check(err)
	defer func() { d.check(s.Shutdown()) }()
	defer close(stuck)
	d.check(d.Schedule(t.Context(), s))
	s.Start()
	for range 2 {
		d.ends(store.Run{State: "succeeded", Added: 1})
		for _, job := range s.Jobs() {
			d.check(job.RunNow())
		}
		select {
		case <-told: // while the other still hangs: only at the end it may answer
		case <-time.After(time.Minute):
			t.Fatal("the healthy receiver waits for the other")
		}
	}
	if n := asked.Load(); n > 1 {
		t.Errorf("the receiver that hangs is asked %d times at once", n)
	}
}

// Receivers that hang, send us elsewhere, answer without end or lie where nobody may be reached cost a failed attempt, and what
// is kept of it has no secret (P5, P14).
func TestHostileReceivers(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	behave := map[string]http.HandlerFunc{
		"/redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"/metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusSeeOther)
		},
		"/hang":  func(_ http.ResponseWriter, r *http.Request) { <-stuck },
		"/break": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, _, _ := strings.Cut(r.URL.Path, "/"+canary)
		behave[path](w, r)
	}))
	defer receiver.CloseClientConnections()
	for url, want := range map[string]string{
		receiver.URL + "/redirect/" + canary: "redirect", receiver.URL + "/metadata/" + canary: "redirect", receiver.URL + "/hang/" + canary: "in time",
		receiver.URL + "/break/" + canary: "broke", "http://169.254.169.254/" + canary: "link-local", "http://127.0.0.1:1/" + canary: "own address",
		"http://[::ffff:169.254.169.254]/" + canary: "link-local", "http://127.0.0.1:9/" + canary: "Nothing answers", "http://nowhere.invalid/" + canary: "no address",
	} {
		d := newDesk(t)
		d.http.Timeout = time.Second
		d.hook(url)
		d.ends(store.Run{State: "succeeded", Added: 1})
		d.SendDue(t.Context())
		if n := d.last(); n.State != "waiting" || !strings.Contains(n.Outcome, want) || strings.Contains(n.Outcome, canary) {
			t.Errorf("%s: %+v", url, n)
		}
	}
	if elsewhere > 0 {
		t.Error("a redirect was followed")
	}
}

// An attempt that fails for the last time is given up, and so is at once what no attempt can mend.
func TestGivenUp(t *testing.T) {
	d := newDesk(t)
	d.hook("http://127.0.0.1:9/")
	d.ends(store.Run{State: "succeeded", Removed: 1})
	for range len(retries) + 1 {
		if n := d.last(); n.State != "waiting" {
			t.Fatalf("given up early: %+v", n)
		}
		d.SendDue(t.Context())
		d.now = d.now.Add(12 * time.Hour)
	}
	if n := d.last(); n.State != "given_up" || n.Attempts != int64(len(retries)+1) {
		t.Errorf("%+v", n)
	}
	d.maintain(func(tx *store.Tx) error { return tx.DeleteTarget("w", "hook") })
	d.target(store.NotificationTarget{ID: "mail", Kind: "email", Shown: "data@example.com"})
	d.ends(store.Run{State: "succeeded", Removed: 1})
	d.SendDue(t.Context())
	if n := d.last(); n.State != "given_up" || !strings.Contains(n.Outcome, "mail server") {
		t.Errorf("without a mail server: %+v", n)
	}
}

func TestParseURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://hooks.example.com/a?b=c": true, "http://localhost:8080/x": true, "http://10.1.2.3/x": true, "http://[::1]:80/": true,
		"http://hooks.example.com/": false, "ftp://x/": false, "https://me:pw@x/": false, "javascript:alert(1)": false, "https://": false, "//x/y": false,
		"https://x/#f": false, "": false, "https://x/" + strings.Repeat("a", maxURL): false, "https://x\r\ny/": false,
	} {
		host, err := ParseURL(text)
		if (err == nil) != ok || ok && host == "" || err != nil && len(text) > 12 && strings.Contains(err.Error(), text) {
			t.Errorf("%.60q: %q, %v", text, host, err)
		}
	}
}

// A postOffice takes mail in this process.
type postOffice struct {
	mu      sync.Mutex
	letters []string
	to      []string
	signed  string
	refuses bool
}

func (p *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return &clerk{p}, nil }

type clerk struct{ *postOffice }

func (c *clerk) AuthMechanisms() []string { return []string{sasl.Plain} }
func (c *clerk) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		c.signed = user + "/" + password
		return nil
	}), nil
}
func (c *clerk) Mail(string, *smtp.MailOptions) error { return nil }
func (c *clerk) Rcpt(to string, _ *smtp.RcptOptions) error {
	if c.refuses {
		return errors.New("no such box, " + canary)
	}
	c.to = append(c.to, to)
	return nil
}
func (c *clerk) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letters = append(c.letters, string(text))
	return err
}
func (c *clerk) Reset()        {}
func (c *clerk) Logout() error { return nil }

// postOffice takes the desk's mail, under TLS or without.
func (d *desk) postOffice(encrypted bool) *postOffice {
	d.t.Helper()
	office := &postOffice{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	d.check(err)
	server := smtp.NewServer(office)
	d.Mail = Mail{Host: "127.0.0.1", From: "patchbay@example.com", TLS: "starttls", User: "me", Password: secret.New("p@ss " + canary)}
	if encrypted {
		lender := httptest.NewTLSServer(http.NotFoundHandler()) // of a certificate
		defer lender.Close()
		server.TLSConfig = &tls.Config{Certificates: lender.TLS.Certificates}
		d.Mail.Roots = x509.NewCertPool()
		d.Mail.Roots.AddCert(lender.Certificate())
	}
	go func() { _ = server.Serve(l) }()
	d.t.Cleanup(func() { _ = server.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	d.check(err)
	d.Mail.Port, err = strconv.Atoi(port)
	d.check(err)
	return office
}

// Admins hear of three failures in a row and of the end of that; what a server said about it stays at home. A name cannot write
// headers.
func TestMail(t *testing.T) {
	d := newDesk(t)
	office := d.postOffice(true)
	for id, role := range map[string]access.Role{"a": access.RoleAdmin, "e": access.RoleEditor} {
		d.maintain(func(tx *store.Tx) error {
			return tx.CreateUser(store.User{ID: id, Email: id + "@example.com", Name: id, Role: role, Created: d.now, Updated: d.now})
		})
	}
	d.target(store.NotificationTarget{ID: "box", Kind: "email", Shown: "data@example.com"})
	for range 4 {
		d.ends(store.Run{State: "failed", Cause: "timeout", Error: "10.1.2.3 said " + canary})
	}
	d.ends(store.Run{State: "succeeded"})
	d.SendDue(t.Context())
	if len(office.letters) != 4 || office.signed != "me/p@ss "+canary {
		t.Fatalf("%d letters to %q, signed in as %s", len(office.letters), office.to, office.signed)
	}
	if to := strings.Join(office.to, " "); strings.Contains(to, "e@example.com ") || strings.Count(to, "a@example.com") != 4 || strings.Count(to, "data@example.com") != 2 {
		t.Errorf("to %s", to)
	}
	for _, letter := range office.letters {
		head, body, _ := strings.Cut(letter, "\r\n\r\n")
		if strings.Contains(letter, canary) || strings.Contains(head, "\nBcc:") || !strings.Contains(head, "Auto-Submitted: auto-generated") || !strings.Contains(body, "Ware") {
			t.Errorf("a letter reads\n%s", letter)
		}
	}
	office.refuses = true
	err := d.Test(t.Context(), store.NotificationTarget{ID: "box", ConnectionID: "w", Kind: "email", Shown: "gone@example.com"}, "Warehouse")
	if err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a refused letter: %v", err)
	}
	d.Mail.Roots = nil
	if err := d.Test(t.Context(), store.NotificationTarget{ID: "box", ConnectionID: "w", Kind: "email", Shown: "data@example.com"}, "Warehouse"); err == nil {
		t.Error("mail was sent to a server that nobody vouches for")
	}
	open := d.postOffice(false)
	if err := d.Test(t.Context(), store.NotificationTarget{ID: "box", ConnectionID: "w", Kind: "email", Shown: "data@example.com"}, "Warehouse"); err == nil || len(open.letters) > 0 || open.signed != "" {
		t.Error("mail was sent in clear where TLS is asked for")
	}
}

// An Admin who is none any more is told nothing, and two senders tell once.
func TestWhoIsTold(t *testing.T) {
	d := newDesk(t)
	office := d.postOffice(true)
	u := store.User{ID: "a", Email: "a@example.com", Name: "a", Role: access.RoleAdmin, Created: d.now, Updated: d.now}
	d.maintain(func(tx *store.Tx) error { return tx.CreateUser(u) })
	for range 3 {
		d.ends(store.Run{State: "failed"})
	}
	var both sync.WaitGroup
	for _, sender := range []*Sender{d.Sender, New(d.Options)} { // of two processes
		both.Go(func() { sender.SendDue(context.WithoutCancel(t.Context())) })
	}
	both.Wait()
	if len(office.letters) != 1 {
		t.Errorf("%d letters", len(office.letters))
	}
	d.ends(store.Run{State: "succeeded"})
	d.maintain(func(tx *store.Tx) error {
		u, err := tx.User("a")
		u.Role = access.RoleEditor
		return errors.Join(err, tx.UpdateUser(u))
	})
	d.now = d.now.Add(time.Second)
	d.SendDue(t.Context())
	if n := d.last(); len(office.letters) != 1 || n.State != "given_up" && n.Event == store.EventRefreshRecovered {
		t.Errorf("%d letters, %+v", len(office.letters), n)
	}
}
