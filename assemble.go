package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/all"
	"patchbay/connectors/transport"
	"patchbay/handlers"
	"patchbay/notebook"
	"patchbay/notify"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// parts are what was made at start, in the order in which it is taken down.
type parts struct {
	config    configuration
	log       *slog.Logger
	address   net.Addr
	store     *store.Store
	auth      *auth.Auth
	refresh   *refresh.Runner
	query     *query.Runner
	notify    *notify.Sender
	projects  *notebook.ProjectRunner
	scheduler gocron.Scheduler
	server    *handlers.Server
	stopping  chan struct{} // closed when the server takes no new work
}

// assemble makes and joins the parts. What it opened is closed again when a later part cannot be made.
func assemble(ctx context.Context, c configuration, log *slog.Logger, address net.Addr) (*parts, error) {
	p := &parts{config: c, log: log, address: address, stopping: make(chan struct{})}
	if err := p.build(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// build makes the parts, each from those before it.
func (p *parts) build(ctx context.Context) error {
	c := p.config
	if err := makeFolders(c); err != nil {
		return err
	}
	keys, err := p.openStore(ctx)
	if err != nil {
		return err
	}
	registry, err := connectors.NewRegistry(all.Connectors(), ownListeners(p.address))
	if err != nil {
		return err
	}
	opener := &workspace.Opener{Store: p.store, Registry: registry, Keys: keys, FilesDir: c.filesDir(), Forbidden: ownFiles(c)}
	if opener.SSHKey, err = workspace.SSHKey(ctx, p.store, keys); err != nil {
		return err
	}
	if p.scheduler, err = gocron.NewScheduler(gocron.WithStopTimeout(15 * time.Second)); err != nil {
		return fmt.Errorf("make scheduler: %w", err)
	}
	var waiting atomic.Int64
	p.refresh = refresh.NewRunner(refresh.Options{Store: p.store, Open: opener.Open, Levels: levelsOf(registry), Now: time.Now, Holder: uuid.NewString(), Log: p.log,
		History: c.RefreshHistory, Purge: workspace.ForgetGone, Waiting: waiting.Load})
	if p.query, err = query.NewRunner(query.Options{Store: p.store, Open: opener.Open, Dir: filepath.Join(c.DataDir, "results"), Now: time.Now, Log: p.log,
		Sessions: store.SessionLimits{Idle: c.SessionIdle, Whole: c.SessionMax}}); err != nil {
		return err
	}
	policy := transport.Policy{AllowPrivate: true, Own: ownListeners(p.address)} // of what Admins name
	p.notify = notify.New(notify.Options{Store: p.store, Keys: keys, Client: transport.HTTPClient(policy), Dial: transport.NewDialer(policy, nil).Dial,
		Mail: c.Mail, BaseURL: c.BaseURL, Now: time.Now, Log: p.log,
		Outside: transport.HTTPClient(transport.Policy{Own: ownListeners(p.address)}), CSV: p.query.AttachCSV})
	w := &workspace.Workspace{Store: p.store, Registry: registry, Opener: opener, Refresh: p.refresh, Query: p.query, Notify: p.notify, Now: time.Now}
	p.auth = auth.New(auth.Options{Store: p.store, Now: time.Now, Secure: strings.HasPrefix(c.BaseURL, "https://"), DeviceKey: keys.Derive("device"),
		Keys: keys, IdleTime: c.SessionIdle, WholeTime: c.SessionMax,
		OIDC: auth.OIDCOptions{Client: transport.HTTPClient(policy), Keys: keys, BaseURL: p.base(),
			Changed: w.EndWhatIsNotAllowed, Ended: func(of func(access.Actor) bool) {
				p.query.CancelFor(func(who access.Actor, _ string) bool { return of(who) })
			}}})
	book := notebook.New(p.store, p.query, registry, time.Now)
	p.projects = notebook.NewProjectRunner(notebook.ProjectRunnerOptions{Store: p.store, Notebook: book, Query: p.query, Now: time.Now, Holder: uuid.NewString(), Log: p.log})
	p.server = &handlers.Server{Store: p.store, Auth: p.auth, Workspace: w, Registry: registry, Refresh: p.refresh, Query: p.query,
		Notebook: book, Projects: p.projects, Log: p.log, BaseURL: c.BaseURL, Version: version(), Now: time.Now,
		Ready: p.ready, Metrics: metricsHandler(), Waiting: &waiting, TrustedProxies: c.TrustedProxies}
	if err := p.refresh.Load(ctx); err != nil { // before anything refreshes: what it finds under way was interrupted
		return err
	}
	if err := p.firstStart(ctx, w); err != nil {
		return err
	}
	return p.begin(ctx)
}

// openStore reads the master key, opens the store with it, and refuses a key that is not the store's own (P31).
func (p *parts) openStore(ctx context.Context) (*secret.Ring, error) {
	keys, made, err := secret.LoadRing(p.config.DataDir, p.config.MasterKey, p.config.MasterKeyFile)
	if err != nil {
		return nil, err
	}
	keyFile := p.config.MasterKeyFile
	if keyFile == "" {
		keyFile = filepath.Join(p.config.DataDir, "root.key")
	}
	if secret.ReadableByOthers(keyFile) {
		p.log.Warn("others on this machine can read the master key", "file", keyFile, "remedy", "chmod 600")
	}
	if made {
		p.log.Info("made a new master key", "file", filepath.Join(p.config.DataDir, "root.key"))
	}
	p.store, err = store.Open(ctx, store.Options{Dir: p.config.DataDir, Now: time.Now, AuditKey: keys.Derive("audit-mac"),
		AuditKeysBefore: keys.DeriveOthers("audit-mac")})
	if err != nil {
		return nil, err
	}
	return keys, workspace.CheckKey(ctx, p.store, keys)
}

// begin starts what runs by itself, on a schedule.
func (p *parts) begin(ctx context.Context) error {
	if err := p.refresh.Schedule(ctx, p.scheduler); err != nil {
		return err
	}
	if _, err := p.scheduler.NewJob(gocron.DurationJob(time.Hour), gocron.NewTask(p.noteAudit, context.WithoutCancel(ctx)),
		gocron.WithStartAt(gocron.WithStartImmediately())); err != nil {
		return fmt.Errorf("schedule the note of the audit log's head: %w", err)
	}
	if err := p.refresh.Maintain(ctx, p.scheduler); err != nil {
		return err
	}
	if err := p.notify.Schedule(ctx, p.scheduler); err != nil {
		return err
	}
	if err := p.projects.Schedule(ctx, p.scheduler); err != nil {
		return err
	}
	p.scheduler.Start()
	return nil
}

// noteAudit writes the head of the audit log to the server's log, so that a copy exists outside the store: with it, patchbay audit
// verify --head finds that rows were cut off (P52).
func (p *parts) noteAudit(ctx context.Context) {
	rows, head, err := p.store.AuditHead(ctx)
	if err != nil {
		p.log.Error("note the head of the audit log", "error", err)
		return
	}
	p.log.Info("head of the audit log", "rows", rows, "head", hex.EncodeToString(head))
}

// firstStart makes what a new workspace gets: the first Admin from the environment, the sample.
func (p *parts) firstStart(ctx context.Context, w *workspace.Workspace) error {
	users, err := p.store.Users(ctx)
	if err != nil {
		return err
	}
	if len(users) == 0 && p.config.AdminEmail != "" {
		if err := p.auth.CreateFirstAdmin(ctx, "Admin", p.config.AdminEmail, p.config.AdminPassword); err != nil {
			return fmt.Errorf("make the first admin from %s and %s: %w", env("admin-email"), env("admin-password"), err)
		}
	}
	if !p.config.Sample {
		return nil
	}
	return w.AddSample(ctx)
}

// ready says why requests cannot be served; nil when they can.
func (p *parts) ready(ctx context.Context) error {
	select {
	case <-p.stopping:
		return errors.New("stopping")
	default:
		return p.store.Ping(ctx)
	}
}

// base is the public URL; in local use, where we listen.
func (p *parts) base() string {
	if p.config.BaseURL != "" {
		return p.config.BaseURL
	}
	return "http://" + p.address.String()
}

// greet prints where the server is and, while nobody has signed in, the one-time setup link. It is printed here only.
func (p *parts) greet(out io.Writer) {
	base := p.base()
	fmt.Fprintf(out, "Patchbay is ready at %s\n", base)
	token, needed, err := p.auth.SetupToken(context.Background())
	switch {
	case err != nil:
		p.log.Error("cannot make a setup link", "error", err)
	case needed:
		fmt.Fprintf(out, "\nFirst start: open this link once, within an hour, to make the first Admin:\n\n  %s/setup?token=%s\n\n", base, token)
	}
}

// shutdown ends the server gracefully: not ready, no new work, running requests 10 s, then everything else (P74).
func (p *parts) shutdown(srv *http.Server) error {
	close(p.stopping)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p.projects.Stop()
	p.query.Close()
	p.refresh.Stop(ctx)
	p.server.Drain()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		p.log.Warn("requests were still running after 10 s and were cut off")
		return srv.Close()
	}
	return err
}

// close takes down what was made. It may be called with parts missing.
func (p *parts) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if p.scheduler != nil {
		_ = p.scheduler.Shutdown()
	}
	if p.refresh != nil {
		p.refresh.Stop(ctx)
	}
	if p.projects != nil {
		p.projects.Stop()
	}
	if p.query != nil {
		p.query.Close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("close the store", "error", err)
		}
	}
}

func makeFolders(c configuration) error {
	for _, dir := range []string{c.DataDir, c.filesDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return nil
}

// ownFiles are the store's own files and folders, which no connection may open (P7).
func ownFiles(c configuration) []string {
	var files []string
	for _, name := range []string{"patchbay.db", "patchbay.db-wal", "patchbay.db-shm", "root.key", "results", "backups"} {
		files = append(files, filepath.Join(c.DataDir, name))
	}
	if c.MasterKeyFile != "" {
		files = append(files, c.MasterKeyFile)
	}
	return files
}

// ownListeners are the addresses that the guarded dialer must never reach: ourselves (P5).
func ownListeners(address net.Addr) []netip.AddrPort {
	ap, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return nil
	}
	return []netip.AddrPort{ap}
}

func metricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// levelsOf says which levels the tree of a product has.
func levelsOf(registry *connectors.Registry) func(string) []catalog.Level {
	return func(connectorType string) []catalog.Level {
		c, ok := registry.Get(connectorType)
		if !ok {
			return nil
		}
		return c.Levels
	}
}
