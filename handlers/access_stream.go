package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"patchbay/access"
	"patchbay/auth"
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

// projectAccess streams what the reader of a project's page may do there, from what the mark "seen" stands for on.
func (s *Server) projectAccess(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	project := r.PathValue("project")
	now := func() (standing, error) { return s.standing(r.Context(), who, project) }
	if _, err := now(); err != nil {
		return err
	}
	return s.streamAccess(w, r, r.URL.Query().Get("seen"), now)
}

// The visitors from the web whose open pages are followed at once: in all, and from one network. Each holds a connection and is
// asked for again and again, so that there are not as many of them as strangers like.
const (
	maxFollowed           = 300
	maxFollowedPerNetwork = 50
	// followLater is when a page that found no place asks again.
	followLater = 10 * time.Second
)

// sharedAccess streams to a page that a web link opened that the link opens it no more. Whom it does not open it now is refused as
// the page refuses them (P20). Where too many are followed, the page is told to ask again later.
func (s *Server) sharedAccess(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	token := r.PathValue("token")
	if _, err := s.openWebLink(r, who); err != nil {
		return err
	}
	leave, ok := s.visitors.enter(auth.Network(who.IP))
	if !ok {
		startEvents(w)
		_, _ = fmt.Fprintf(w, "event: later\nretry: %d\ndata:\n\n", followLater.Milliseconds())
		return nil
	}
	defer leave()
	return s.streamAccess(w, r, "", func() (standing, error) { return standing{level: access.View}, s.Auth.WebLinkOpens(r.Context(), token) })
}

// streamAccess sends the level that the reader of a page has, each time that what they may do is not what the page shows any more:
// at first what the mark seen stands for. When they may not view it any more it says none, and ends.
func (s *Server) streamAccess(w http.ResponseWriter, r *http.Request, seen string, ask func() (standing, error)) error {
	startEvents(w)
	for beat := time.Now(); ; {
		now, err := ask()
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

// visitors counts the open pages that are followed for visitors, by the network that they come from. The zero value is ready.
type visitors struct {
	mu   sync.Mutex
	all  int
	from map[string]int // none at 0
}

// enter takes a place, where there is one, and returns the function that gives it back.
func (v *visitors) enter(network string) (leave func(), ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.all >= maxFollowed || v.from[network] >= maxFollowedPerNetwork {
		return nil, false
	}
	if v.from == nil {
		v.from = map[string]int{}
	}
	v.all++
	v.from[network]++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.all--
		if v.from[network]--; v.from[network] == 0 {
			delete(v.from, network)
		}
	}, true
}
