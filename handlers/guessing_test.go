package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"

	"patchbay/access"
)

// guess sends one wrong password from an address, and answers with the status.
func (s *site) guess(email, from string) int {
	form := url.Values{"email": {email}, "password": {"a wrong password"}}
	r := httptest.NewRequestWithContext(s.t.Context(), "POST", s.http.URL+"/sign-in", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from + ":1024"
	w := httptest.NewRecorder()
	s.http.Config.Handler.ServeHTTP(w, r)
	return w.Code
}

// Ten thousand wrong passwords cost some fifty hashes: five for an account that is tried from everywhere, fifty for an address from which
// every account is tried. They leave little in memory, and the owner gets in from a browser that is known (P50).
func TestTenThousandWrongPasswords(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	const attempts, hash = 5000, 19 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var mu sync.Mutex
	answers := map[string]map[int]int{"one account": {}, "one address": {}}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := worker; i < attempts; i += 8 {
				account := s.guess("admin@example.com", fmt.Sprintf("10.1.%d.%d", i/250, i%250))
				address := s.guess(fmt.Sprintf("nobody%d@example.com", i), "10.2.0.1")
				mu.Lock()
				answers["one account"][account]++
				answers["one address"][address]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	for how, checked := range map[string]int{"one account": 5, "one address": 50} {
		got := answers[how]
		if got[http.StatusUnprocessableEntity] != checked || got[http.StatusTooManyRequests] != attempts-checked {
			t.Errorf("%d guesses at %s answer %v, want %d checked and the others refused", attempts, how, got, checked)
		}
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 200*hash {
		t.Errorf("all of it took the memory of %d hashes", took/hash)
	}
	if left := int64(after.HeapAlloc) - int64(before.HeapAlloc); left > 16<<20 {
		t.Errorf("it leaves %d MB in memory", left>>20)
	}
	form := url.Values{"email": {"admin@example.com"}, "password": {password}}
	if a := s.do("admin", "POST", "/sign-in", form); a.status != http.StatusSeeOther {
		t.Errorf("the owner, from a browser that is known: %d", a.status)
	}
	if a := s.send(client(), "POST", "/sign-in", form, nil); a.status != http.StatusTooManyRequests {
		t.Errorf("the right password from elsewhere is answered %d before its time", a.status)
	}
}
