package views

import (
	"slices"
	"time"
)

// Notifications is whom a connection tells of what, the form that adds someone, and how the last messages went.
type Notifications struct {
	MailOn        bool // a mail server is set up
	Targets       []NotificationTarget
	Deliveries    []Delivery
	Kind, Address string
	Events        []RoleChoice
	Chosen        []string
	Errors        map[string]string
	Key           string // of the webhook that was just added: shown this once
	Tested        string // how a test went
	TestFailed    bool
}

// A NotificationTarget is one webhook or e-mail address.
type NotificationTarget struct {
	ID, Kind, Shown string
	Events          []string
	Added           time.Time
}

// A Delivery is one message and how it went.
type Delivery struct {
	Event, To, State, Outcome, RunHref string
	Attempts                           int64
	Next, Finished                     time.Time
}

func (n Notifications) chosen(event string) bool { return slices.Contains(n.Chosen, event) }

// A RefreshHistory is which refreshes are listed, and the way to the others.
type RefreshHistory struct {
	State, Trigger, Since string
	Changed               bool
	Query                 string // among the changes of one refresh
	Newest, Older         string // addresses; empty: none
}

// any says whether something is filtered out.
func (h RefreshHistory) any() bool {
	return h.State != "" || h.Trigger != "" || h.Since != "" || h.Changed
}

var runStateChoices = []RoleChoice{{Value: "", Label: "Any outcome"}, {Value: "succeeded", Label: "Done"}, {Value: "failed", Label: "Failed"},
	{Value: "needs_look", Label: "Needs a look"}, {Value: "cancelled", Label: "Cancelled"}, {Value: "interrupted", Label: "Interrupted"}}

var runTriggerChoices = []RoleChoice{{Value: "", Label: "Started in any way"}, {Value: "schedule", Label: "On schedule"}, {Value: "manual", Label: "By a person"},
	{Value: "api", Label: "By API"}, {Value: "created", Label: "After creation"}}
