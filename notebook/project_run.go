package notebook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/query"
	"patchbay/schedule"
	"patchbay/store"
)

// The states of a project's run.
const (
	runRunning     = "running"
	runSucceeded   = "succeeded"
	runFailed      = "failed"
	runRefused     = "refused" // nothing ran: who it runs as may not run it
	runInterrupted = "interrupted"
)

const (
	leaseTime  = time.Minute
	renewEvery = 20 * time.Second
	wholeRun   = 6 * time.Hour // of one project, at the most
	runsAtOnce = 4             // that a schedule started; what people ask for begins at once
)

// ErrUnderWay says that the project runs already.
var ErrUnderWay = errors.New("the project runs already")

var errStopped = errors.New("the server is stopping")

// ProjectRunnerOptions are what a ProjectRunner needs from outside.
type ProjectRunnerOptions struct {
	Store    *store.Store
	Notebook *Notebook
	Query    *query.Runner
	Now      func() time.Time
	Holder   string // of leases: another text for every process
	Log      *slog.Logger
}

// A ProjectRunner runs whole projects, all SQL cells in their order, on schedule and when someone asks. Each cell is run as a person
// runs it, with the rights that the person has at that moment. Of a project one run is under way at a time, in all processes. Its
// methods may be called from several goroutines.
type ProjectRunner struct {
	options ProjectRunnerOptions
	slots   chan struct{}
	life    context.Context // ends with Stop
	end     context.CancelCauseFunc
	work    sync.WaitGroup

	began time.Time // when this runner was made; of wake alone
	woken time.Time // when it was last asked what is due; of wake alone

	mu   sync.Mutex
	jobs map[string]bool // projects that run in this process
}

// NewProjectRunner makes a runner. Schedule makes it begin by itself; Stop ends it.
func NewProjectRunner(o ProjectRunnerOptions) *ProjectRunner {
	r := &ProjectRunner{options: o, slots: make(chan struct{}, runsAtOnce), began: schedule.Wall(o.Now()), jobs: map[string]bool{}}
	r.life, r.end = context.WithCancelCause(context.Background())
	return r
}

// Stop takes no new work, ends what runs and waits until that is written down. It may be called more than once.
func (r *ProjectRunner) Stop() {
	r.mu.Lock()
	r.end(errStopped)
	r.mu.Unlock()
	r.work.Wait()
}

// Start runs a project now, as who asks, for someone who may schedule it.
func (r *ProjectRunner) Start(ctx context.Context, who access.Actor, projectID string) (store.ProjectRun, error) {
	run, err := r.newRun(projectID, "manual", who.UserID)
	if err != nil {
		return run, err
	}
	err = r.options.Store.View(ctx, func(tx *store.Tx) error { // before anything is taken for who may not; begin asks again
		_, err := project(tx, who, projectID, access.ShareProject)
		return err
	})
	if err != nil {
		return run, r.options.Notebook.refused(ctx, who, "project.run", projectID, err)
	}
	err = r.begin(ctx, run, who, func(tx *store.Tx) (store.AuditEntry, error) {
		page, err := project(tx, who, projectID, access.ShareProject)
		if err != nil {
			return store.AuditEntry{}, err
		}
		return runEntry(who, page.Project, run), nil
	})
	return run, r.options.Notebook.refused(ctx, who, "project.run", projectID, err)
}

func runEntry(who access.Actor, p store.Project, run store.ProjectRun) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: "project.run", ObjectType: "project", ObjectID: p.ID, ObjectName: p.Name,
		Detail: map[string]any{"run": run.ID, "trigger": run.Trigger, "run_by": run.RunBy}}
}

func (r *ProjectRunner) newRun(projectID, trigger, as string) (store.ProjectRun, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.ProjectRun{}, fmt.Errorf("make id: %w", err)
	}
	return store.ProjectRun{ID: id.String(), ProjectID: projectID, Trigger: trigger, RunBy: as, State: runRunning, Started: r.options.Now()}, nil
}

// begin takes the project for a run, keeps that with what claim decides and writes, and lets it work on its own.
func (r *ProjectRunner) begin(ctx context.Context, run store.ProjectRun, who access.Actor, claim func(*store.Tx) (store.AuditEntry, error)) error {
	if !r.take(run.ProjectID) {
		if r.life.Err() != nil {
			return &connectors.Error{Cause: connectors.CauseCancelled, Op: "run a project", Hint: "The server is stopping. Try again in a moment"}
		}
		return ErrUnderWay
	}
	fence, err := r.options.Store.Acquire(ctx, leaseOf(run.ProjectID), r.options.Holder, leaseTime)
	if errors.Is(err, store.ErrLeaseHeld) {
		err = ErrUnderWay
	}
	if err != nil {
		r.give(run.ProjectID)
		return err
	}
	err = r.options.Store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		entry, err := claim(tx)
		if err != nil {
			return entry, err
		}
		return entry, tx.CreateProjectRun(run)
	})
	if err != nil {
		r.release(fence)
		r.give(run.ProjectID)
		return err
	}
	go r.carryOut(run, who, fence)
	return nil
}

func leaseOf(projectID string) string { return "project:" + projectID }

// take says whether this process does not run the project yet, and that it does from now on. give ends that.
func (r *ProjectRunner) take(projectID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil || r.jobs[projectID] {
		return false
	}
	r.jobs[projectID] = true
	r.work.Add(1)
	return true
}

func (r *ProjectRunner) give(projectID string) {
	r.mu.Lock()
	delete(r.jobs, projectID)
	r.mu.Unlock()
	r.work.Done()
}

func (r *ProjectRunner) release(f store.Fence) {
	if err := r.options.Store.Release(context.Background(), f); err != nil {
		r.options.Log.Error("cannot give back the lease of a project", "lease", f.Name, "error", err)
	}
}

// carryOut runs a project to its end and writes that down.
func (r *ProjectRunner) carryOut(run store.ProjectRun, who access.Actor, fence store.Fence) {
	defer r.give(run.ProjectID)
	defer r.release(fence)
	if run.Trigger == "schedule" {
		defer func() { <-r.slots }()
	}
	ctx, cancel := context.WithTimeout(r.life, wholeRun)
	defer cancel()
	ctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	go r.renew(ctx, fence, lost)
	who.RequestID = "" // what runs now is no part of the request that asked
	results := r.cells(ctx, &run, who)
	run.Finished = r.options.Now()
	err := r.options.Store.FinishProjectRun(context.WithoutCancel(ctx), fence, run, results)
	if err != nil && !errors.Is(err, store.ErrNotFound) { // a project that was deleted meanwhile is fine
		r.options.Log.Error("cannot write the end of a project's run", "project", run.ProjectID, "run", run.ID, "error", err)
	}
}

// renew keeps the lease while the run lasts. One that was lost ends it.
func (r *ProjectRunner) renew(ctx context.Context, fence store.Fence, lost context.CancelCauseFunc) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.options.Store.Renew(ctx, fence, leaseTime); errors.Is(err, store.ErrReplaced) {
				lost(err)
				return
			}
		}
	}
}

// cells runs the cells one after another up to the first that fails, and writes into run how that went.
func (r *ProjectRunner) cells(ctx context.Context, run *store.ProjectRun, who access.Actor) (results []store.ProjectRunResult) {
	var page Page
	err := r.options.Store.View(ctx, func(tx *store.Tx) (err error) {
		if who, err = r.asNow(tx, who); err == nil {
			page, err = project(tx, who, run.ProjectID, access.RunCells)
		}
		return err
	})
	if err != nil {
		r.failed(ctx, run, CellView{}, err)
		return nil
	}
	for _, c := range page.Cells {
		if c.Kind != KindSQL || strings.TrimSpace(c.Source) == "" {
			continue
		}
		res, err := r.cell(ctx, who, c)
		switch {
		case err != nil:
			r.failed(ctx, run, c, err)
			return nil
		case res.State != runSucceeded:
			run.State, run.CellID, run.CellName, run.ConnectionID, run.Cause, run.Error = runFailed, c.ID, c.Name, c.ConnectionID, res.Cause, res.Error
			return nil
		}
		run.Cells++
		results = append(results, store.ProjectRunResult{CellName: c.Name, ResultID: res.ID})
	}
	run.State = runSucceeded
	return results
}

// cell runs one cell to its end.
func (r *ProjectRunner) cell(ctx context.Context, who access.Actor, c CellView) (store.Result, error) {
	res, err := r.options.Notebook.RunCell(ctx, who, c.ProjectID, c.ID)
	if err != nil {
		return res, err
	}
	if err := r.options.Query.Wait(ctx, res.ID); err != nil {
		return res, errors.Join(err, r.options.Query.Cancel(context.WithoutCancel(ctx), who, res.ID))
	}
	final, err := r.options.Store.ResultByID(ctx, res.ID)
	if errors.Is(err, store.ErrNotFound) { // another run of the cell took its place
		res.State, res.Cause, res.Error = runFailed, string(connectors.CauseCancelled), "the cell was run again meanwhile"
		return res, nil
	}
	return final, err
}

// asNow is who with the rights of this moment. Nothing runs for someone who may not sign in any more.
func (r *ProjectRunner) asNow(tx *store.Tx, who access.Actor) (access.Actor, error) {
	gone := &access.Denied{Action: "run a project", Because: []access.Reason{access.Disabled()}}
	u, err := tx.User(who.UserID)
	if errors.Is(err, store.ErrNotFound) {
		gone.Because = []access.Reason{{Rule: access.RuleDisabled, Words: "The account was deleted"}}
		return who, gone
	}
	if err != nil {
		return who, fmt.Errorf("read user: %w", err)
	}
	who.Name, who.Email = u.Name, u.Email
	if u.Disabled {
		return who, gone
	}
	return r.options.Query.Current(tx, who)
}

// failed writes down why a run did not go on.
func (r *ProjectRunner) failed(ctx context.Context, run *store.ProjectRun, c CellView, err error) {
	run.CellID, run.CellName, run.ConnectionID, run.State = c.ID, c.Name, c.ConnectionID, runFailed
	var denied *access.Denied
	var bad *Invalid
	var busy *query.BusyError
	var e *connectors.Error
	switch {
	case ctx.Err() != nil:
		run.State, run.Cause, run.Error = runInterrupted, string(connectors.CauseCancelled), "The server stopped while this ran"
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			run.State, run.Cause, run.Error = runFailed, string(connectors.CauseTimeout), "The whole run took longer than is allowed"
		}
	case errors.As(err, &denied):
		run.ConnectionID, run.Error = reasonOf(denied)
		if c.ID == "" {
			run.State = runRefused
		}
	case errors.Is(err, store.ErrNotFound):
		run.ConnectionID, run.Cause, run.Error = "", string(connectors.CauseCancelled), "It was deleted while the notebook ran"
	case errors.As(err, &bad):
		run.ConnectionID = "" // the words name none
		for _, words := range bad.Fields {
			run.Error = words
		}
	case errors.As(err, &busy):
		run.Cause, run.Error = string(connectors.CauseLimit), busy.Error()
	case errors.As(err, &e):
		run.Cause, run.Error = string(e.Cause), e.Message
	default:
		run.Cause, run.Error = string(connectors.CauseInternal), "Something went wrong on the server"
		r.options.Log.Error("cannot run a project", "project", run.ProjectID, "run", run.ID, "error", err)
	}
}

// reasonOf is why something was refused, as people read it. Where it is for a connection it is the first alone, with that
// connection, so that its words are shown to those who may know of it.
func reasonOf(denied *access.Denied) (connectionID, reason string) {
	words := make([]string, len(denied.Because))
	for i, because := range denied.Because {
		if because.ConnectionID != "" {
			return because.ConnectionID, because.Words
		}
		words[i] = because.Words
	}
	return "", strings.Join(words, ". ")
}
