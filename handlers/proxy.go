package handlers

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// behindProxies takes the address of a caller from X-Forwarded-For where the configured proxies say it, so that limits and the
// audit log know callers apart. The header counts from its end: what stands before the last address that is no proxy of ours
// anybody may have written.
func (s *Server) behindProxies(r *http.Request) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !s.trusts(peer.Addr()) {
		return
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		caller, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return // a proxy that writes no plain address tells nothing
		}
		r.RemoteAddr = net.JoinHostPort(caller.Unmap().WithZone("").String(), "0")
		if !s.trusts(caller) {
			return
		}
	}
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr.Unmap().WithZone("")) })
}
