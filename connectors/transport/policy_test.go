package transport

import (
	"errors"
	"net/netip"
	"testing"
)

// The table of PROMISES appendix D, and the ranges around its entries.
func TestPolicy(t *testing.T) {
	const always, private, public = "refused always", "refused unless private is allowed", "let through"
	for address, want := range map[string]string{
		"169.254.169.254": always, "::ffff:169.254.169.254": always, "64:ff9b::a9fe:a9fe": always, "64:ff9b:1::a9fe:a9fe": always,
		"2002:a9fe:a9fe::1": always, "::a9fe:a9fe": always, "fd00:ec2::254": always, "168.63.129.16": always, "100.100.100.200": always,
		"0.0.0.0": always, "0.1.2.3": always, "::": always, "fe80::1%lo": always, "fe80::1": always, "224.0.0.1": always, "ff02::1": always,
		"255.255.255.255": always, "::ffff:0.0.0.0": always,
		"127.0.0.1": private, "127.9.9.9": private, "::1": private, "::ffff:127.0.0.1": private, "64:ff9b::7f00:1": private,
		"2002:7f00:1::": private, "10.1.2.3": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private,
		"100.64.1.1": private, "100.127.255.255": private, "fd12::1": private, "fc00::1": private, "2002:a01:203::9": private,
		"8.8.8.8": public, "172.32.0.1": public, "100.128.0.1": public, "169.253.1.1": public, "2606:4700::1111": public,
		"64:ff9b::808:808": public, "::ffff:8.8.8.8": public, "168.63.129.17": public,
	} {
		to := netip.AddrPortFrom(netip.MustParseAddr(address), 5432)
		strict, open := Policy{}.Allow(to), Policy{AllowPrivate: true}.Allow(to)
		for _, err := range []error{strict, open} {
			var refused *RefusedError
			if err != nil && (!errors.As(err, &refused) || refused.Reason == "") {
				t.Errorf("%s: %v does not say why", address, err)
			}
		}
		got := public
		switch {
		case open != nil && strict != nil:
			got = always
		case strict != nil:
			got = private
		}
		if got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
}

func TestPolicyRefusesOwnListeners(t *testing.T) {
	everywhere := netip.MustParseAddrPort("[::]:8080")
	for _, c := range []struct {
		own, to string
		refused bool
	}{
		{"127.0.0.1:8080", "127.0.0.1:8080", true}, {"127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", true}, {"127.0.0.1:8080", "127.0.0.1:5432", false},
		{"127.0.0.1:8080", "192.168.1.1:8080", false}, {"[::]:8080", "127.0.0.1:8080", true}, {"0.0.0.0:8080", "[::1]:8080", true},
		{"0.0.0.0:8080", "192.0.2.77:8080", false},
	} {
		err := Policy{AllowPrivate: true, Own: []netip.AddrPort{netip.MustParseAddrPort(c.own)}}.Allow(netip.MustParseAddrPort(c.to))
		if (err != nil) != c.refused {
			t.Errorf("listening on %s, dialling %s: %v", c.own, c.to, err)
		}
	}
	for _, ip := range ourAddresses(t) {
		to := netip.AddrPortFrom(ip, 8080)
		if (Policy{AllowPrivate: true, Own: []netip.AddrPort{everywhere}}).Allow(to) == nil {
			t.Errorf("listening everywhere, %s is let through", to)
		}
	}
}
