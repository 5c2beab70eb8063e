package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"patchbay/notify"
	"patchbay/secret"
)

// A setting is one thing that the operator decides: a flag and an environment variable of the same name.
type setting struct {
	flag, value, help string
	secret            bool // read from the environment only: arguments show in the list of processes
}

// settings are all settings of serve with their defaults.
var settings = []setting{
	{flag: "addr", value: "127.0.0.1:8080", help: "listen address"},
	{flag: "data-dir", value: "./data", help: "folder of the SQLite file, kept results and keys (made with mode 0700)"},
	{flag: "files-dir", help: "folder of the SQLite and DuckDB files that connections may open (default: files in the data folder)"},
	{flag: "base-url", help: "public URL, such as https://patchbay.example.com; needed behind a proxy"},
	{flag: "trusted-proxies", help: "addresses or networks of the proxies whose X-Forwarded-For is believed, separated by commas"},
	{flag: "master-key", secret: true, help: "key that wraps the secrets, 32 bytes in base64"},
	{flag: "master-key-file", help: "file that holds the key (default: root.key in the data folder, made at first start)"},
	{flag: "admin-email", help: "makes the first Admin at first start, instead of the setup link"},
	{flag: "admin-password", secret: true, help: "password of that first Admin"},
	{flag: "sample", value: "false", help: "add the sample database and project at first start"},
	{flag: "refresh-history-days", value: "90", help: "how long schema refreshes are listed; the last 20 of a connection always are"},
	{flag: "smtp-addr", help: "host:port of the server that takes e-mail; without it there is none"},
	{flag: "smtp-from", help: "sender's address of e-mail"},
	{flag: "smtp-user", help: "user to sign in to the mail server as; empty: without signing in"},
	{flag: "smtp-password", secret: true, help: "that user's password"},
	{flag: "smtp-tls", value: "starttls", help: "starttls, tls (from the first byte, mostly port 465), or off (on this machine only)"},
	{flag: "session-idle", value: "12h", help: "a session that nobody uses for so long ends"},
	{flag: "session-max", value: "168h", help: "every session ends after so long, used or not"},
	{flag: "log-level", value: "info", help: "debug, info, warn or error"},
}

// env is the environment variable of a flag: data-dir is PATCHBAY_DATA_DIR.
func env(flag string) string {
	return "PATCHBAY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// A configuration is the settings as they were given.
type configuration struct {
	Addr, DataDir, FilesDir, BaseURL, MasterKey, MasterKeyFile, AdminEmail, AdminPassword, LogLevel string
	Sample                                                                                          bool
	Mail                                                                                            notify.Mail
	RefreshHistory                                                                                  time.Duration
	SessionIdle, SessionMax                                                                         time.Duration
	TrustedProxies                                                                                  []netip.Prefix
}

// configure reads settings from arguments, then the environment, then defaults. It returns flag.ErrHelp after printing help.
func configure(args []string, lookup func(string) (string, bool), out io.Writer) (configuration, error) {
	fs := flag.NewFlagSet("patchbay serve", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() { serveUsage(out) }
	values := map[string]*string{}
	for _, s := range settings {
		value := s.value
		if v, ok := lookup(env(s.flag)); ok {
			value = v
		}
		if s.secret {
			values[s.flag] = &value
			continue
		}
		values[s.flag] = fs.String(s.flag, value, s.help)
	}
	if err := fs.Parse(args); err != nil {
		return configuration{}, err
	}
	if fs.NArg() > 0 {
		return configuration{}, fmt.Errorf("serve takes no argument %q", fs.Arg(0))
	}
	c := configuration{Addr: *values["addr"], DataDir: *values["data-dir"], FilesDir: *values["files-dir"],
		BaseURL: strings.TrimSuffix(*values["base-url"], "/"), MasterKey: *values["master-key"], MasterKeyFile: *values["master-key-file"],
		AdminEmail: *values["admin-email"], AdminPassword: *values["admin-password"], LogLevel: *values["log-level"]}
	var err error
	if c.Mail, err = mailOf(values); err != nil {
		return configuration{}, err
	}
	if c.TrustedProxies, err = networks(*values["trusted-proxies"]); err != nil {
		return configuration{}, err
	}
	if c.SessionIdle, err = sessionTime("session-idle", *values["session-idle"]); err != nil {
		return configuration{}, err
	}
	if c.SessionMax, err = sessionTime("session-max", *values["session-max"]); err != nil {
		return configuration{}, err
	}
	if c.Sample, err = strconv.ParseBool(*values["sample"]); err != nil {
		return configuration{}, fmt.Errorf("%s is %q: use true or false", env("sample"), *values["sample"])
	}
	days, err := strconv.ParseUint(*values["refresh-history-days"], 10, 16)
	if err != nil || days == 0 {
		return configuration{}, fmt.Errorf("%s is %q: use a number of days from 1 to 65535", env("refresh-history-days"), *values["refresh-history-days"])
	}
	c.RefreshHistory = time.Duration(days) * 24 * time.Hour
	return c, c.check()
}

// mailOf reads the settings of the mail server.
func mailOf(values map[string]*string) (notify.Mail, error) {
	addr := *values["smtp-addr"]
	if addr == "" {
		return notify.Mail{}, nil
	}
	host, text, err := net.SplitHostPort(addr)
	port, bad := strconv.ParseUint(text, 10, 16)
	if err != nil || bad != nil || host == "" || port == 0 {
		return notify.Mail{}, fmt.Errorf("%s is %q: use host:port, such as mail.example.com:587", env("smtp-addr"), addr)
	}
	m := notify.Mail{Host: host, Port: int(port), From: *values["smtp-from"], User: *values["smtp-user"], Password: secret.New(*values["smtp-password"]), TLS: *values["smtp-tls"]}
	if from, err := mail.ParseAddress(m.From); err != nil || from.Name != "" {
		return notify.Mail{}, fmt.Errorf("%s is %q: use one address, such as patchbay@example.com", env("smtp-from"), m.From)
	}
	switch {
	case m.TLS != "starttls" && m.TLS != "tls" && m.TLS != "off":
		return notify.Mail{}, fmt.Errorf("%s is %q: use starttls, tls or off", env("smtp-tls"), m.TLS)
	case m.TLS == "off" && (!loopback(addr) || m.User != ""):
		return notify.Mail{}, fmt.Errorf("%s is off: mail goes in clear to this machine only, and without signing in", env("smtp-tls"))
	}
	return m, nil
}

// networks reads addresses and networks.
func networks(text string) (all []netip.Prefix, err error) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(word)
		if addr, bad := netip.ParseAddr(word); bad == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s has %q: use addresses or networks such as 10.0.0.5 or 10.0.0.0/24", env("trusted-proxies"), word)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// sessionTime reads how long sessions hold. Less than a few minutes would sign people out while they read a page; more than
// a year is no limit.
func sessionTime(name, value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 5*time.Minute || d > 366*24*time.Hour {
		return 0, fmt.Errorf("%s is %q: use a time from 5m to 8784h, such as 12h", env(name), value)
	}
	return d, nil
}

// check refuses what could not be served safely.
func (c configuration) check() error {
	if c.BaseURL != "" {
		u, err := url.Parse(c.BaseURL)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" {
			return fmt.Errorf("%s must be like https://patchbay.example.com, without a path", env("base-url"))
		}
		if u.Scheme == "http" && !loopbackHost(u.Hostname()) {
			return fmt.Errorf("%s is %s: without https anyone on the way reads passwords and cookies. Use https, or http on this machine only, such as http://localhost:8080",
				env("base-url"), c.BaseURL)
		}
		return nil
	}
	if !loopback(c.Addr) {
		return fmt.Errorf("%s is %s, which others can reach: set %s to the public URL", env("addr"), c.Addr, env("base-url"))
	}
	return nil
}

func loopback(addr string) bool {
	host, _, ok := strings.Cut(addr, ":")
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.Addr().IsLoopback()
	}
	return ok && host == "localhost"
}

// loopbackHost says whether a host without its port is this machine.
func loopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func serveUsage(out io.Writer) {
	fmt.Fprint(out, "patchbay serve starts the server. Each setting is a flag and an environment variable.\n\n")
	for _, s := range settings {
		name := "--" + s.flag
		if s.secret {
			name = "(environment only)"
		}
		fmt.Fprintf(out, "  %-20s %-26s %s", name, env(s.flag), s.help)
		if s.value != "" {
			fmt.Fprintf(out, " (default %s)", s.value)
		}
		fmt.Fprintln(out)
	}
}

// lookupEnv is os.LookupEnv; a secret is unset once it was read, so that nothing started later inherits it.
func lookupEnv(key string) (string, bool) {
	v, ok := os.LookupEnv(key)
	for _, s := range settings {
		if s.secret && key == env(s.flag) {
			_ = os.Unsetenv(key)
		}
	}
	return v, ok
}

// isHelp says whether err only means that help was asked for.
func isHelp(err error) bool { return errors.Is(err, flag.ErrHelp) }
