package auth

import (
	"net/http"

	"github.com/gorilla/sessions"
)

// carrier carries a session's id between browser and server as gorilla's session: the cookie holds the random id and nothing
// else. What the id stands for is a row of the store, so that it can be listed and revoked; gorilla's own stores keep the id
// across a sign-in, or put what they hold into the cookie.
type carrier struct{ secure bool }

var _ sessions.Store = carrier{}

// Get implements sessions.Store.
func (c carrier) Get(r *http.Request, name string) (*sessions.Session, error) { return c.New(r, name) }

// New implements sessions.Store: the session that a request carries. IsNew says that it carries none.
func (c carrier) New(r *http.Request, name string) (*sessions.Session, error) {
	s := sessions.NewSession(c, c.cookieName(name))
	s.IsNew = true
	s.Options = &sessions.Options{Path: "/", Secure: c.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if cookie, err := r.Cookie(s.Name()); err == nil {
		s.ID, s.IsNew = cookie.Value, false
	}
	return s, nil
}

// Save implements sessions.Store.
func (c carrier) Save(_ *http.Request, w http.ResponseWriter, s *sessions.Session) error {
	http.SetCookie(w, sessions.NewCookie(s.Name(), s.ID, s.Options))
	return nil
}

// cookieName has the __Host- prefix where the browser enforces it: Secure, from this host alone, for all paths. Plain HTTP,
// for local use, has another name, so that neither is ever taken for the other.
func (c carrier) cookieName(name string) string {
	if c.secure {
		return "__Host-" + name
	}
	return name
}

// carried is the id that a request carries under a name; not ok where it carries none.
func (c carrier) carried(r *http.Request, name string) (id string, ok bool) {
	s, err := c.New(r, name)
	return s.ID, err == nil && !s.IsNew
}

// hand gives the browser an id to carry, for so many seconds: 0 until it is closed, less than 0 to forget it.
func (c carrier) hand(w http.ResponseWriter, r *http.Request, name, id string, maxAge int) {
	s, err := c.New(r, name)
	if err != nil {
		return // New never fails
	}
	s.ID, s.Options.MaxAge = id, maxAge
	_ = c.Save(r, w, s) // never fails
}
