package transport

import (
	"net"
	"net/netip"
	"slices"
)

// A Policy says which addresses may be dialled. The zero Policy is the strict one.
type Policy struct {
	AllowPrivate bool             // loopback, RFC 1918, unique local and carrier-grade NAT addresses
	Own          []netip.AddrPort // what this program itself listens on: never dialled
}

// A RefusedError is an address that the policy does not let through.
type RefusedError struct {
	Address string // as it was asked for
	Reason  string // "a link-local address"
}

func (e *RefusedError) Error() string {
	return "dial " + e.Address + ": refused by policy: it is " + e.Reason
}

// metadata are the addresses at which clouds hand out credentials, beside those in link-local ranges: AWS over IPv6, Alibaba,
// Azure's wire server. Oracle's and GCP's are link-local.
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}

// A kind of addresses, and the words for it.
type kind struct {
	words  string
	ranges []netip.Prefix
}

func prefixes(of ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range of {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// never are ranges where no database can be: the IANA special-purpose registries (RFC 6890 and its updates).
var never = []kind{
	{"a link-local address, where clouds keep their metadata", prefixes("169.254.0.0/16", "fe80::/10", "fec0::/10")},
	{"no single host's address", prefixes("0.0.0.0/8", "::/128", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8")},
}

// private are ranges inside the network of whoever runs this program.
var private = []kind{
	{"a loopback address", prefixes("127.0.0.0/8", "::1/128")},
	{"a private address", prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")},
	{"an address of carrier-grade NAT", prefixes("100.64.0.0/10")},
}

// Allow decides on an address that is about to be dialled: nil, or a *RefusedError.
func (p Policy) Allow(to netip.AddrPort) error {
	if err := p.allowRange(to); err != nil {
		return err
	}
	if p.own(netip.AddrPortFrom(unwrap(to.Addr()), to.Port())) {
		return &RefusedError{to.String(), "this program's own address"}
	}
	return nil
}

// allowRange decides by the address alone. It is all that can be said of a host behind a tunnel, whose loopback is not ours.
func (p Policy) allowRange(to netip.AddrPort) error {
	ip := unwrap(to.Addr())
	if slices.Contains(metadata, ip) {
		return &RefusedError{to.String(), "a cloud's metadata service"}
	}
	refused := never
	if !p.AllowPrivate {
		refused = append(slices.Clone(never), private...)
	}
	for _, k := range refused {
		if slices.ContainsFunc(k.ranges, func(r netip.Prefix) bool { return r.Contains(ip) }) {
			return &RefusedError{to.String(), k.words}
		}
	}
	return nil
}

// own says whether to is one of our listeners. One that listens on every interface is met at each of them.
func (p Policy) own(to netip.AddrPort) bool {
	return slices.ContainsFunc(p.Own, func(l netip.AddrPort) bool {
		ip := unwrap(l.Addr())
		return l.Port() == to.Port() && (ip == to.Addr() || ip.IsUnspecified() && ofThisMachine(to.Addr()))
	})
}

func ofThisMachine(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true // unknown: the careful answer
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap() == ip
	})
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052, section 2.1
	localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056, section 2
	compatible = netip.MustParsePrefix("::/96")          // RFC 4291, section 2.5.5.1
)

// unwrap is the address that is really reached: IPv4 is taken out of the IPv6 forms that carry it, and the zone is dropped.
func unwrap(ip netip.Addr) netip.Addr {
	ip = ip.WithZone("").Unmap()
	if !ip.Is6() || ip.IsUnspecified() || ip.IsLoopback() {
		return ip
	}
	b := ip.As16()
	switch {
	case nat64.Contains(ip), localNAT64.Contains(ip), compatible.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:]))
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}
