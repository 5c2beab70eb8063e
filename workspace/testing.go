package workspace

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/query"
	"patchbay/store"
)

// The limits of connection tests for one user (P13).
const (
	testsPerMinute  = 10
	testsAtOnce     = 3
	testLimitWindow = time.Minute
)

// TestConnection tries the input as a test of what Save would store, calling step as each step ends. id is the connection
// that is edited, empty for a new one: its saved secrets are used only towards its saved destination. Input that Save would
// refuse is refused here too, and nothing is dialled. A test ends with the right to it, and is that refusal (P44).
func (w *Workspace) TestConnection(ctx context.Context, who access.Actor, id string, in ConnectionInput, step func(connectors.Step)) (connectors.Report, error) {
	t, err := w.newTrial(ctx, who, id, in)
	if err != nil {
		return connectors.Report{}, err
	}
	done, err := w.tests.begin(who.UserID, w.Now())
	if err != nil {
		return connectors.Report{}, err
	}
	defer done()
	t.request.Step = step
	ctx, stop := query.While(ctx, func(ctx context.Context) error {
		now, err := view(ctx, w.Store, func(tx *store.Tx) (access.Actor, error) { return w.Query.Current(tx, who) })
		if err != nil {
			return err
		}
		return t.may(ctx, now)
	})
	defer stop()
	report := w.Registry.Test(ctx, t.request)
	refusal := context.Cause(ctx)
	if errors.Is(refusal, context.Canceled) {
		refusal = nil // they walked away
	}
	saved := id != "" && len(in.Secrets)+len(in.RemoveSecrets) == 0
	return report, errors.Join(refusal, w.recordTest(ctx, who, t.connection, report, saved, refusal))
}

// A trial is one test: what is tried, of which connection, and whether someone may try it as things are at the moment.
type trial struct {
	request    connectors.Request
	connection *store.Connection
	may        func(context.Context, access.Actor) error
}

// newTrial is the test of some input, with the same checks as saving.
func (w *Workspace) newTrial(ctx context.Context, who access.Actor, id string, in ConnectionInput) (trial, error) {
	in.Draft = false
	if in.Name == "" {
		in.Name = "test" // a name is not needed to reach a server
	}
	if id == "" {
		may := func(ctx context.Context, who access.Actor) error { return w.mayCreate(ctx, who, in) }
		if err := may(ctx, who); err != nil {
			return trial{}, err
		}
		connector, err := w.check(in, nil)
		if err != nil {
			return trial{}, err
		}
		c := w.record(connector, in)
		c.CreatedBy = who.UserID
		req, err := w.Opener.request(ctx, &c, in.Secrets)
		return trial{req, &c, may}, err
	}
	saved, err := w.editable(ctx, who, id)
	if err != nil {
		return trial{}, err
	}
	in.Type, in.ProjectID = saved.Type, saved.ProjectID
	connector, err := w.check(in, &saved)
	if err != nil {
		return trial{}, err
	}
	secrets, err := w.testSecrets(ctx, &saved, in)
	if err != nil {
		return trial{}, err
	}
	c := merged(saved, w.record(connector, in))
	may := func(ctx context.Context, who access.Actor) error {
		saved, err := w.editable(ctx, who, id)
		if err != nil {
			return err
		}
		return w.mayMove(ctx, who, &saved, &c)
	}
	if err := may(ctx, who); err != nil {
		return trial{}, err
	}
	req, err := w.Opener.request(ctx, &c, secrets)
	return trial{req, &c, may}, err
}

// testSecrets are the typed secrets and, for those not typed, the saved ones.
func (w *Workspace) testSecrets(ctx context.Context, saved *store.Connection, in ConnectionInput) (connectors.Secrets, error) {
	except := map[string]bool{}
	for _, field := range saved.SecretsSet {
		except[field] = true
	}
	for _, field := range keptSecrets(saved, in) {
		except[field] = false
	}
	secrets, err := w.Opener.unseal(ctx, saved, except)
	if err != nil {
		return nil, err
	}
	for field, s := range in.Secrets {
		if !s.IsZero() {
			secrets[field] = s
		}
	}
	return secrets, nil
}

// TestSaved tests a saved connection as it is and remembers how it went.
func (w *Workspace) TestSaved(ctx context.Context, who access.Actor, id string, step func(connectors.Step)) (connectors.Report, error) {
	c, err := w.editable(ctx, who, id)
	if err != nil {
		return connectors.Report{}, err
	}
	return w.TestConnection(ctx, who, id, ConnectionInput{Name: c.Name, Values: c.Config, AllowWriteback: c.AllowWriteback,
		HideFromAgents: c.HideFromAgents, Description: c.Description, Schedule: c.Schedule}, step)
}

// recordTest audits a test with its destination, and what refused to let it go on. What a test of the connection as it is saved says
// of its reach is kept.
func (w *Workspace) recordTest(ctx context.Context, who access.Actor, c *store.Connection, report connectors.Report, saved bool, refusal error) error {
	ctx = context.WithoutCancel(ctx) // a test that was walked away from is audited all the same
	entry := connectionEntry(who, "connection.test", *c)
	connector, _ := w.Registry.Get(c.Type)
	entry.Detail["host"] = connector.Host(c.Config)
	entry.Detail["ok"] = report.OK
	if !report.OK {
		entry.Outcome = "failed"
	}
	if denied := (*access.Denied)(nil); errors.As(refusal, &denied) {
		entry.Outcome, denied.Audited = "refused", true
	}
	if !saved || c.Draft {
		return w.Store.Audit(ctx, entry)
	}
	now := w.Now()
	return w.Store.Update(ctx, entry, func(tx *store.Tx) error {
		is, err := tx.Connection(c.ID)
		if err != nil || !maps.Equal(is.Config, c.Config) {
			return ignoreNotFound(err) // it is another one by now
		}
		if report.OK {
			return reachedByTest(tx, is, now)
		}
		cause, words := failedStep(report)
		if cause == connectors.CauseCancelled {
			return nil
		}
		return tx.SetReach(c.ID, store.ReachUnreachable, string(cause), words, now)
	})
}

// reachedByTest keeps that a test reached the server. While refreshes fail it only says that the server is there: why they fail
// stays to be seen until one succeeds.
func reachedByTest(tx *store.Tx, c store.Connection, now time.Time) error {
	if c.Failures == 0 {
		return tx.SetReach(c.ID, store.ReachOK, "", "", now)
	}
	failed, err := tx.RunsWhere(store.RunFilter{ConnectionID: c.ID, State: "failed", Limit: 1})
	if err != nil || len(failed) == 0 {
		return err
	}
	return tx.SetReach(c.ID, store.ReachRefreshFailed, failed[0].Cause, failed[0].Error, now)
}

// ignoreNotFound is err, unless it says that the object is gone.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func failedStep(report connectors.Report) (connectors.Cause, string) {
	for _, s := range report.Steps {
		if !s.OK && s.Err != nil {
			return s.Err.Cause, s.Err.Cause.Words()
		}
	}
	return connectors.CauseInternal, connectors.CauseInternal.Words()
}

// A testLimiter counts the tests of each user. The zero value is ready.
type testLimiter struct {
	mu      sync.Mutex
	started map[string][]time.Time
	running map[string]int
}

// begin takes a place for one test and returns the function that gives it back.
func (l *testLimiter) begin(user string, now time.Time) (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.started == nil {
		l.started, l.running = map[string][]time.Time{}, map[string]int{}
	}
	recent := l.started[user][:0]
	for _, at := range l.started[user] {
		if now.Sub(at) < testLimitWindow {
			recent = append(recent, at)
		}
	}
	l.started[user] = recent
	switch {
	case len(recent) >= testsPerMinute:
		return nil, &LimitError{"You ran 10 connection tests within a minute. Wait a moment, then test again"}
	case l.running[user] >= testsAtOnce:
		return nil, &LimitError{"Three of your connection tests are still running. Wait for one to end, or cancel it"}
	}
	l.started[user] = append(recent, now)
	l.running[user]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running[user]--
	}, nil
}
