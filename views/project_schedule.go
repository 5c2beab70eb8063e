package views

import "time"

// A ProjectSchedule is the page where a project is scheduled and whom it tells is chosen.
type ProjectSchedule struct {
	Page     Page
	ID, Name string
	Schedule ScheduleForm
	On       bool
	Owner    string      // whom it runs as; empty: nobody has saved it yet
	Yours    bool        // that is the reader
	Refused  *RefusedRun // nil: its owner may run it, as far as is known
	MailOn   bool        // a mail server is set up
	// NoAttachments is why no message carries results, a line a connection; empty: they may.
	NoAttachments []string
	Targets       []ProjectTarget
	Groups        []TargetChoice
	Form          ProjectTargetForm
	Runs          []ProjectRunRow
	Running       bool
	Messages      []ProjectMessage
	Key           string // of the webhook that was just added: shown this once
	Tested        string // how a test went
	TestFailed    bool
	Now           time.Time
}

// A RefusedRun is since when and why a schedule does not run.
type RefusedRun struct {
	Since time.Time
	Words string
}

// A ProjectTarget is someone who is told.
type ProjectTarget struct {
	ID, Kind, Name string
	FailuresOnly   bool
	Attach         bool
}

// A ProjectTargetForm is someone to be told, as it was filled in.
type ProjectTargetForm struct {
	Kind, Who, URL, Group string
	FailuresOnly, Attach  bool
	Errors                map[string]string
}

// A ProjectRunRow is one run.
type ProjectRunRow struct {
	ID                string
	State             ConnectionState
	Trigger           string
	Cells             int64
	Cell, Error       string // of one that failed
	Started, Finished time.Time
}

// A ProjectMessage is one message and how it went.
type ProjectMessage struct {
	To, About, State, Outcome string
	Next, Finished            time.Time
}

func (s ProjectSchedule) path(act string) string { return "/projects/" + s.ID + act }

// runsAs says as whom the project is run.
func (s ProjectSchedule) runsAs() string {
	switch {
	case s.Owner == "":
		return "It will run as you: what you may not run then does not run."
	case s.Yours:
		return "It runs as you, who saved it last: what you may not run then does not run."
	}
	return "It runs as " + s.Owner + ", who saved it last. When you save it, it runs as you."
}

// words are how someone is told.
func (t ProjectTarget) words(limited bool) string {
	words := "After every run"
	if t.FailuresOnly {
		words = "When it did not succeed"
	}
	switch {
	case t.Attach && limited:
		words += " · without results, as long as a connection limits them"
	case t.Attach:
		words += " · with results as CSV"
	}
	return words
}

func (t ProjectTarget) icon() string {
	switch t.Kind {
	case "webhook":
		return "plug"
	case "group":
		return "users"
	}
	return "user"
}

// summary says what came of a run.
func (r ProjectRunRow) summary() string {
	if r.Cell != "" {
		return "In the cell " + r.Cell
	}
	if r.Cells > 0 {
		return Plural(r.Cells, "cell", "cells")
	}
	return ""
}

func (r ProjectRunRow) took() string {
	if r.Finished.IsZero() {
		return ""
	}
	return "took " + Duration(r.Finished.Sub(r.Started))
}
