package handlers

import (
	"net/http"
	"time"

	"patchbay/access"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
)

// shownNextRuns is how many runs of a schedule are foretold.
const shownNextRuns = 5

// apiSchedule is a schedule with its next five runs.
type apiSchedule struct {
	schedule.Spec
	Next []time.Time `json:"next"`
}

func (s *Server) apiGetSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.writeSchedule(w, c.Connection)
}

func (s *Server) writeSchedule(w http.ResponseWriter, c store.Connection) error {
	next := refresh.NextRuns(c, s.Now(), shownNextRuns)
	if next == nil {
		next = []time.Time{}
	}
	for i := range next {
		next[i] = next[i].UTC()
	}
	return writeJSON(w, http.StatusOK, apiSchedule{c.Schedule, next})
}

// apiSetSchedule replaces the schedule. A next in the body is what GET answered, and is not read.
func (s *Server) apiSetSchedule(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var in apiSchedule
	if err := decode(r, &in); err != nil {
		return err
	}
	if err := s.Workspace.SetSchedule(r.Context(), who, r.PathValue("id"), in.Spec); err != nil {
		return err
	}
	return s.apiGetSchedule(w, r, who)
}
