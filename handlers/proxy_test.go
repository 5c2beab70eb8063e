package handlers

import (
	"net/http"
	"net/netip"
	"testing"
)

// The caller's address comes from the configured proxies alone, and a header that callers wrote themselves names nobody else.
func TestCallersBehindProxies(t *testing.T) {
	s := &Server{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy, forged":       {"203.0.113.9:1000", []string{"198.51.100.1"}, "203.0.113.9:1000"},
		"proxy":                  {"10.1.1.1:1000", []string{"198.51.100.1"}, "198.51.100.1:0"},
		"proxy, forged before":   {"10.1.1.1:1000", []string{"192.0.2.66, 198.51.100.1"}, "198.51.100.1:0"},
		"two proxies, two lines": {"10.1.1.1:1000", []string{"192.0.2.66, 198.51.100.1", "10.2.2.2"}, "198.51.100.1:0"},
		"all proxies":            {"10.1.1.1:1000", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3:0"},
		"proxy says nothing":     {"10.1.1.1:1000", nil, "10.1.1.1:1000"},
		"proxy, nonsense":        {"10.1.1.1:1000", []string{"198.51.100.1, unknown"}, "10.1.1.1:1000"},
		"proxy, IPv6":            {"[fd00::1]:1000", []string{"2001:db8::7"}, "[2001:db8::7]:0"},
		"mapped IPv4 of a proxy": {"[::ffff:10.1.1.1]:1000", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
		"zone":                   {"10.1.1.1:1000", []string{"fe80::1%eth0"}, "[fe80::1]:0"},
		"no address of the peer": {"@", []string{"198.51.100.1"}, "@"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if s.behindProxies(r); r.RemoteAddr != c.want {
			t.Errorf("%s: the caller is %s, want %s", name, r.RemoteAddr, c.want)
		}
	}
}

// Fifty wrong links from one caller behind a proxy shut out no other caller behind it.
func TestLimitsKnowCallersBehindAProxyApart(t *testing.T) {
	r := newReport(t)
	r.server.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	link := r.link("30")
	from := func(address, path string) int {
		return r.send(client(), "GET", path, nil, http.Header{"X-Forwarded-For": {address}}).status
	}
	for range 50 {
		from("203.0.113.9", "/share/guess")
	}
	if one, other := from("203.0.113.9", link), from("198.51.100.1", link); one != http.StatusTooManyRequests || other != http.StatusOK {
		t.Errorf("whoever guessed gets %d, someone else %d", one, other)
	}
}
