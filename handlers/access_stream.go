package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// beatEvery is how often a stream on which nothing happens says that it is there, so that no proxy takes it for dead.
const beatEvery = 20 * time.Second

// A standing is what someone may do with a project at one moment. Its mark is another where a page would show something else for it.
type standing struct {
	level access.Level
	mark  string
}

// standing is what someone may do with a project now, with the role and groups that they have now. Who may not even view it is refused.
func (s *Server) standing(ctx context.Context, who access.Actor, projectID string) (out standing, err error) {
	err = s.Store.View(ctx, func(tx *store.Tx) error {
		who, err := s.Query.Current(tx, who)
		if err != nil {
			return err
		}
		p, err := tx.ProjectFacts(projectID)
		if err != nil {
			return err
		}
		if err := access.ViewProject(who, p); err != nil {
			return err
		}
		decision := access.OnProject(who, p)
		facts := []any{decision}
		if decision.Access >= access.Explore { // whoever sees the notebook has its data browser
			for _, c := range p.Uses {
				facts = append(facts, c.ID, access.OnConnection(who, c, &p))
			}
		}
		text, err := json.Marshal(facts)
		if err != nil {
			return fmt.Errorf("encode what someone may: %w", err)
		}
		sum := sha256.Sum256(text)
		out = standing{decision.Access, hex.EncodeToString(sum[:16])}
		return nil
	})
	return out, err
}

// projectAccess streams the level that the reader of a project's page has, each time that what they may do is not what the page
// shows any more: at first what the mark "seen" stands for. When they may not view it any more it says none, and ends.
func (s *Server) projectAccess(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project, seen := r.PathValue("project"), r.URL.Query().Get("seen")
	now, err := s.standing(r.Context(), who, project)
	if err != nil {
		return err
	}
	startEvents(w)
	for beat := time.Now(); ; now, err = s.standing(r.Context(), who, project) {
		switch {
		case errors.As(err, new(*access.Denied)), errors.Is(err, store.ErrNotFound):
			sendEvent(w, "access", access.None.String())
			return nil
		case err != nil:
			return err // the page asks again
		case now.mark != seen:
			sendEvent(w, "access", now.level.String())
			seen = now.mark
		case time.Since(beat) > beatEvery:
			beat = time.Now()
			_, _ = w.Write([]byte(":\n\n"))
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.draining:
			return nil
		case <-time.After(askAgain):
		}
	}
}
