package handlers

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"patchbay/access"
)

// A held is a client that takes nothing of its answer until it is let go.
type held struct {
	*httptest.ResponseRecorder
	begun chan<- bool
	letGo <-chan bool
}

func (h held) Write(b []byte) (int, error) {
	h.begun <- true
	<-h.letGo
	return h.ResponseRecorder.Write(b)
}

// Whoever takes an answer slowly holds nothing that others need: the store has few connections to read with.
func TestSlowReadersHoldNoSnapshot(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	const readers = 20
	begun, letGo, ended := make(chan bool), make(chan bool), make(chan error)
	for range readers {
		go func() {
			w := held{httptest.NewRecorder(), begun, letGo}
			ended <- atOnce((*Server).projects)(s.server, w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/projects", nil), s.actor("admin"))
		}()
	}
	for i := range readers {
		select {
		case <-begun:
		case err := <-ended:
			t.Fatalf("an answer ends before it is taken: %v", err)
		case <-time.After(20 * time.Second):
			t.Fatalf("%d of %d answers begin", i, readers)
		}
	}
	close(letGo)
	for range readers {
		s.check(<-ended)
	}
}
