package handlers

import (
	"net/http"

	"patchbay/access"
)

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request, _ access.Actor) error {
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether requests can be served: store open and migrated, key present. It tells nobody why not; the log does.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	if err := s.Ready(r.Context()); err != nil {
		s.Log.Warn("not ready", "error", err)
		return writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "not ready"})
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// metrics serves Prometheus metrics to an Admin's token.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request, _ access.Actor) error {
	s.Metrics.ServeHTTP(w, r)
	return nil
}
