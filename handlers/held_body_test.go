package handlers

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"patchbay/access"
)

// A request whose body is held back is decided by what its sender may do when the rest of it comes (P44).
func TestHeldBackRequestIsDecidedWhenItIsWhole(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.named("eve", access.RoleAdmin)
	s.named("mole", access.RoleViewer)
	held := func(path, body string) (finish func() string) {
		u, _ := url.Parse(s.http.URL)
		c, err := net.Dial("tcp", u.Host)
		s.check(err)
		cookies := ""
		for _, k := range s.clients["eve"].Jar.Cookies(nil) {
			cookies += k.Name + "=" + k.Value + "; "
		}
		_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", path, u.Host, strings.TrimSuffix(cookies, "; "), len(body), body[:1])
		s.check(err)
		return func() string {
			_, err := io.WriteString(c, body[1:])
			s.check(err)
			all, _ := io.ReadAll(c)
			return strings.SplitN(string(all), "\r\n", 2)[0]
		}
	}
	promote := held("/settings/people/"+s.users["mole"].ID+"/role", "role=admin")
	enable := held("/settings/people/"+s.users["eve"].ID+"/disabled", "disabled=false")
	time.Sleep(300 * time.Millisecond)
	if a := s.do("admin", "POST", "/settings/people/"+s.users["eve"].ID+"/disabled", url.Values{"disabled": {"true"}}); a.status != http.StatusSeeOther {
		t.Fatalf("disabling answers %d", a.status)
	}
	p, e := promote(), enable()
	mole, err := s.server.Store.User(t.Context(), s.users["mole"].ID)
	s.check(err)
	eve, err := s.server.Store.User(t.Context(), s.users["eve"].ID)
	s.check(err)
	if mole.Role != access.RoleViewer || !eve.Disabled {
		t.Errorf("after she is disabled: promoting answers %s, the role is %s; enabling herself answers %s, disabled is %t", p, mole.Role, e, eve.Disabled)
	}
}
