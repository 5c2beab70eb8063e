// Package notify tells people and machines what refreshes found and how runs of projects ended: webhooks and e-mail. What is to be told stands in the store's
// outbox, written with the end of the run; here it is sent, and tried again with growing distance when that fails. A message may
// arrive twice when the server stops between sending and writing it down: each carries an id by which its receiver can tell.
//
// Whatever is sent goes through the guarded dialer. Addresses of webhooks hold secrets of the services that take them: they are
// sealed, and in no error, log or page.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"

	"patchbay/access"
	"patchbay/connectors/transport"
	"patchbay/secret"
	"patchbay/store"
)

// Options are what a Sender needs from outside.
type Options struct {
	Store   *store.Store
	Keys    *secret.Ring
	Client  *http.Client                                                      // for webhooks of Admins, behind the guarded dialer
	Outside *http.Client                                                      // for webhooks of others: it reaches no private address; nil: one of the strict policy
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error) // for mail, the guarded dialer
	Mail    Mail
	BaseURL string // of links; empty: messages have none
	Now     func() time.Time
	Log     *slog.Logger
	// CSV is a kept result for someone who must be allowed to see it at this moment: whole rows of at most limit bytes. note says why
	// it is not all, or, with no bytes, why there is none.
	CSV func(ctx context.Context, who access.Actor, resultID string, limit int) (csv []byte, note string, err error)
}

// A Sender empties the outbox. Its methods may be called from several goroutines.
type Sender struct {
	Options
	http    *http.Client
	outside *http.Client
	busy    sync.Map      // hosts that are being sent to, each by one round
	slots   chan struct{} // for sending to a host
}

// New makes a sender. Schedule makes it work by itself.
func New(o Options) *Sender {
	if o.Outside == nil {
		o.Outside = transport.HTTPClient(transport.Policy{})
	}
	return &Sender{Options: o, http: client(o.Client), outside: client(o.Outside), slots: make(chan struct{}, hostsAtOnce)}
}

// A Hook is what is sealed of a webhook.
type Hook struct {
	URL string `json:"url"`
	Key string `json:"key"` // signs what is sent
}

// Seal seals a webhook for its target.
func (s *Sender) Seal(targetID string, h Hook) ([]byte, error) {
	plain, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode webhook: %w", err)
	}
	return s.Keys.Seal(plain, "notification_target", targetID)
}

func (s *Sender) unseal(box []byte, targetID string) (h Hook, err error) {
	plain, err := s.Keys.Open(box, "notification_target", targetID)
	if err != nil {
		return h, errors.New("the saved address cannot be opened with this server's key. Remove the webhook and add it again")
	}
	return h, json.Unmarshal(plain, &h)
}

// How often the outbox is looked into, and how much is sent at a time.
const (
	wakeEvery   = 5 * time.Second
	batch       = 500
	hostsAtOnce = 64
	slowHost    = 3 * time.Second
)

// retries are how long after a failed attempt the next one is; after the last, it is given up.
var retries = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour}

// kept is how long it is remembered what was told.
const kept = 30 * 24 * time.Hour

// Schedule lets the scheduler wake the sender, whether or not the round before is through: that one may wait for a host that hangs.
func (s *Sender) Schedule(ctx context.Context, scheduler gocron.Scheduler) error {
	_, err := scheduler.NewJob(gocron.DurationJob(wakeEvery), gocron.NewTask(s.SendDue), gocron.WithName("send notifications"), gocron.WithContext(ctx))
	if err == nil {
		_, err = scheduler.NewJob(gocron.DurationJob(24*time.Hour), gocron.NewTask(s.prune), gocron.WithName("forget old notifications"),
			gocron.WithStartAt(gocron.WithStartImmediately()), gocron.WithContext(ctx))
	}
	if err != nil {
		return fmt.Errorf("schedule notifications: %w", err)
	}
	return nil
}

func (s *Sender) prune(ctx context.Context) {
	if err := s.Store.PruneNotifications(ctx, s.Now().Add(-kept)); err != nil {
		s.Log.Error("cannot forget old notifications", "error", err)
	}
}

// SendDue sends what is due, and returns when that is through. What is due for a host that another round sends to is for a later one,
// so that a host that hangs keeps back only its own.
func (s *Sender) SendDue(ctx context.Context) {
	due, err := s.Store.DueNotifications(ctx, s.Now(), batch)
	if err != nil {
		s.Log.Error("cannot read the outbox", "error", err)
		return
	}
	byHost := map[string][]store.Notification{}
	for _, n := range due {
		byHost[n.Host] = append(byHost[n.Host], n)
	}
	var hosts sync.WaitGroup
	for host, of := range byHost {
		if _, busy := s.busy.LoadOrStore(host, true); busy {
			continue
		}
		hosts.Go(func() {
			defer s.busy.Delete(host)
			s.slots <- struct{}{}
			defer func() { <-s.slots }()
			s.sendTo(ctx, of)
		})
	}
	hosts.Wait()
}

// sendTo sends to one host, one message after another. What is left when the host is slow is for the next round.
func (s *Sender) sendTo(ctx context.Context, due []store.Notification) {
	for _, n := range due {
		began := time.Now()
		if err := s.attempt(ctx, n); err != nil {
			s.Log.Error("cannot send a notification", "connection", n.ConnectionID, "project", n.ProjectID, "event", n.Event, "error", err)
		}
		if ctx.Err() != nil || time.Since(began) > slowHost {
			return
		}
	}
}

// attempt tries one and writes down how it went. Its error is of the store alone.
func (s *Sender) attempt(ctx context.Context, n store.Notification) error {
	last := int(n.Attempts) >= len(retries)
	next := s.Now().Add(retries[min(int(n.Attempts), len(retries)-1)])
	ok, err := s.Store.ClaimNotification(ctx, n, next)
	if err != nil || !ok {
		return err
	}
	err = s.send(ctx, n)
	var never *neverError
	switch {
	case err == nil:
		n.State, n.Finished, n.Outcome = "sent", s.Now(), "Delivered"
	case ctx.Err() != nil:
		return nil // stopping: it is tried again
	case last || errors.As(err, &never):
		n.State, n.Finished, n.Outcome = "given_up", s.Now(), err.Error()
	default:
		n.State, n.Outcome = "waiting", err.Error()
	}
	return s.Store.EndNotification(ctx, n)
}

// Words are why something could not be told, as a person reads them.
type Words string

func (w Words) Error() string { return string(w) }

// A neverError is a failure that another attempt would not mend.
type neverError struct{ words string }

func (e *neverError) Error() string { return e.words }

func (s *Sender) send(ctx context.Context, n store.Notification) error {
	if n.ProjectID != "" {
		return s.sendOfProject(ctx, n)
	}
	m, err := s.message(ctx, n)
	if err != nil {
		return err
	}
	kind, id, _ := strings.Cut(n.Recipient, ":")
	if kind == "user" {
		u, err := s.Store.User(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (u.Disabled || u.Role != access.RoleAdmin) {
			return &neverError{"The person is no Admin any more"}
		}
		if err != nil {
			return err
		}
		return s.mail(ctx, u.Email, m)
	}
	t, err := target(ctx, s.Store, id)
	if errors.Is(err, store.ErrNotFound) {
		return &neverError{"The recipient was removed"}
	}
	if err != nil {
		return err
	}
	return s.deliver(ctx, t, m)
}

func target(ctx context.Context, st *store.Store, id string) (t store.NotificationTarget, err error) {
	err = st.View(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.Target(id)
		return err
	})
	return t, err
}

func (s *Sender) deliver(ctx context.Context, t store.NotificationTarget, m Message) error {
	if t.Kind == "email" {
		return s.mail(ctx, t.Shown, m)
	}
	h, err := s.unseal(t.Box, t.ID)
	if err != nil {
		return err
	}
	return s.post(ctx, s.http, h, m)
}

// Test sends a message that says that it is a test. The error is for the one who asked.
func (s *Sender) Test(ctx context.Context, t store.NotificationTarget, connectionName string) error {
	return s.deliver(ctx, t, Message{ID: "test-" + t.ID, Event: "test", At: s.Now().UTC(), Text: "This is a test: " + connectionName + " tells here what its schema refreshes find.",
		Connection: &about{ID: t.ConnectionID, Name: connectionName, URL: s.link(t.ConnectionID)}})
}
