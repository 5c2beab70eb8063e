package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"patchbay/connectors"
	"patchbay/store"
)

// A Message is what is told of one event. Text is all of it for people.
type Message struct {
	ID         string           `json:"id"` // the same in every attempt
	Event      string           `json:"event"`
	At         time.Time        `json:"at"`
	Text       string           `json:"text"`
	Connection *about           `json:"connection,omitempty"`
	Project    *about           `json:"project,omitempty"`
	Run        *about           `json:"run,omitempty"`
	Counts     map[string]int64 `json:"counts,omitempty"`
	Changes    []change         `json:"changes,omitempty"` // the first of them
	More       int64            `json:"more,omitempty"`    // how many changes beyond those listed
	Cause      string           `json:"cause,omitempty"`   // of a failure, in words
	State      string           `json:"state,omitempty"`   // of a project's run
	Cell       string           `json:"cell,omitempty"`    // of a project's run that failed
	Note       string           `json:"note,omitempty"`    // why results are not with it
	Results    []result         `json:"results,omitempty"` // of a project's run; an e-mail has them as attachments
}

type about struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

type change struct {
	Change string `json:"change"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`
}

// listed is how many changes a message names.
const listed = 20

func (s *Sender) link(path ...string) string {
	if s.BaseURL == "" {
		return ""
	}
	return s.BaseURL + "/settings/connections/" + strings.Join(path, "/refreshes/")
}

// message is what a notification says. The server's own words about a failure stay at home: they may name hosts and users (P15).
func (s *Sender) message(ctx context.Context, n store.Notification) (m Message, err error) {
	var c store.Connection
	var run store.Run
	var changes []store.Change
	err = s.Store.View(ctx, func(tx *store.Tx) (err error) {
		if c, err = tx.Connection(n.ConnectionID); err != nil {
			return err
		}
		if run, err = tx.Run(n.RunID); err != nil {
			return err
		}
		changes, err = tx.Changes(n.RunID, listed, 0)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return m, &neverError{"The connection or the refresh is gone"}
	}
	if err != nil {
		return m, fmt.Errorf("read what to tell: %w", err)
	}
	_, recipient, _ := strings.Cut(n.Recipient, ":")
	m = Message{ID: run.ID + "-" + n.Event + "-" + recipient, Event: n.Event, At: run.Finished, Connection: &about{c.ID, c.Name, s.link(c.ID)},
		Run: &about{ID: run.ID, URL: s.link(c.ID, run.ID)}}
	switch n.Event {
	case store.EventSchemaChanged:
		m.Counts = map[string]int64{"added": run.Added, "removed": run.Removed, "changed": run.Changed}
		for _, ch := range changes {
			if ch.Change == "missing" { // that is not decided
				continue
			}
			m.Changes = append(m.Changes, change{ch.Change, strings.Join(ch.Path, "."), ch.Detail})
		}
		m.More = run.Added + run.Removed + run.Changed - int64(len(m.Changes))
		m.Text = fmt.Sprintf("The schema of %s changed: %s.", c.Name, counts(run))
	case store.EventRefreshFailing:
		m.Cause = connectors.Cause(run.Cause).Words()
		m.Text = fmt.Sprintf("Refreshing the schema of %s failed %d times in a row: %s. The catalog is the last one that was read.", c.Name, store.FailingAfter, m.Cause)
	case store.EventRefreshNeedsLook:
		m.Counts = map[string]int64{"missing": run.Missing}
		m.Text = fmt.Sprintf("The last refresh of the schema of %s did not find %d of its tables.\nThey were dropped, or a right was taken away: "+
			"an Admin has to say which. The catalog keeps them until then.", c.Name, run.Missing)
	case store.EventRefreshRecovered:
		m.Text = fmt.Sprintf("Refreshing the schema of %s works again.", c.Name)
	}
	m.Text += m.lines()
	return m, nil
}

// lines are the changes by name and the link.
func (m Message) lines() string {
	var b strings.Builder
	for _, c := range m.Changes {
		fmt.Fprintf(&b, "\n- %s %s", c.Change, c.Name)
		if c.Detail != "" {
			fmt.Fprintf(&b, " (%s)", c.Detail)
		}
	}
	if m.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", m.More)
	}
	if m.Run != nil && m.Run.URL != "" {
		b.WriteString("\n" + m.Run.URL)
	}
	return b.String()
}

func counts(r store.Run) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		verb string
	}{{r.Added, "added"}, {r.Removed, "removed"}, {r.Changed, "changed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.verb))
		}
	}
	return strings.Join(parts, ", ")
}
