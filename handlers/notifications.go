package handlers

import (
	"net/http"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// eventWords are the events that a connection tells of, as people read them.
var eventWords = map[string]string{
	store.EventSchemaChanged: "Schema changed", store.EventRefreshFailing: "Refresh failed three times in a row", store.EventRefreshRecovered: "Refresh works again",
	store.EventRefreshNeedsLook: "Tables are missing, and someone must look",
}

// shownDeliveries is how many messages the page lists.
const shownDeliveries = 50

// notifications is whom a connection tells, and how that went.
func (s *Server) notifications(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	return s.notificationsPage(w, r, who, http.StatusOK, views.Notifications{Kind: "webhook", Chosen: []string{store.EventSchemaChanged}})
}

func (s *Server) notificationsPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, n views.Notifications) error {
	p, err := s.connectionPage(r, who, "notifications")
	if err != nil {
		return err
	}
	n.MailOn = s.Workspace.Notify.Mail.On()
	for _, event := range workspace.NotificationEvents {
		n.Events = append(n.Events, views.RoleChoice{Value: event, Label: eventWords[event]})
	}
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		targets, err := tx.Targets(p.Row.ID)
		if err != nil {
			return err
		}
		shown := map[string]string{}
		for _, t := range targets {
			shown["target:"+t.ID] = t.Shown
			row := views.NotificationTarget{ID: t.ID, Kind: t.Kind, Shown: t.Shown, Added: t.Created}
			for _, event := range t.Events {
				row.Events = append(row.Events, eventWords[event])
			}
			n.Targets = append(n.Targets, row)
		}
		told, err := tx.Notifications(p.Row.ID, shownDeliveries)
		if err != nil {
			return err
		}
		for _, d := range told {
			to, ok := shown[d.Recipient]
			if !ok {
				to = "An Admin"
			}
			n.Deliveries = append(n.Deliveries, views.Delivery{Event: eventWords[d.Event], To: to, State: d.State, Outcome: d.Outcome, Attempts: d.Attempts,
				Next: d.Next, Finished: d.Finished, RunHref: "/settings/connections/" + p.Row.ID + "/refreshes/" + d.RunID})
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.Notifications = n
	return s.page(w, r, status, views.Connection(p))
}

// addTarget adds a webhook or an e-mail address. The key of a webhook is shown this once.
func (s *Server) addTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := r.ParseForm(); err != nil {
		return &badRequest{"bad_form", "The form cannot be read"}
	}
	in := workspace.TargetInput{Kind: r.PostFormValue("kind"), Address: r.PostFormValue("address"), Events: r.PostForm["events"]}
	key, err := s.Workspace.AddTarget(r.Context(), who, r.PathValue("id"), in)
	if p := problemOf(err); err != nil && len(p.Fields) > 0 {
		return s.notificationsPage(w, r, who, p.Status, views.Notifications{Kind: in.Kind, Address: in.Address, Chosen: in.Events, Errors: p.Fields})
	}
	if err != nil {
		return err
	}
	if key == "" {
		return redirect(w, r, "/settings/connections/"+r.PathValue("id")+"/notifications")
	}
	return s.notificationsPage(w, r, who, http.StatusOK, views.Notifications{Kind: "webhook", Key: key})
}

func (s *Server) removeTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	if err := s.Workspace.RemoveTarget(r.Context(), who, r.PathValue("id"), r.PathValue("target")); err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+r.PathValue("id")+"/notifications")
}

// testTarget sends a test and says how it went.
func (s *Server) testTarget(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	failed, err := s.Workspace.TestTarget(r.Context(), who, r.PathValue("id"), r.PathValue("target"))
	if err != nil {
		return err
	}
	n := views.Notifications{Kind: "webhook", Tested: "The test was delivered."}
	if failed != nil {
		n.Tested, n.TestFailed = "The test was not delivered. "+failed.Error()+".", true
	}
	return s.notificationsPage(w, r, who, http.StatusOK, n)
}
