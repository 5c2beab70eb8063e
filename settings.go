package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
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
	{flag: "master-key", secret: true, help: "key that wraps the secrets, 32 bytes in base64"},
	{flag: "master-key-file", help: "file that holds the key (default: root.key in the data folder, made at first start)"},
	{flag: "admin-email", help: "makes the first Admin at first start, instead of the setup link"},
	{flag: "admin-password", secret: true, help: "password of that first Admin"},
	{flag: "sample", value: "false", help: "add the sample database and project at first start"},
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
	SessionIdle, SessionMax                                                                         time.Duration
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
	if c.SessionIdle, err = sessionTime("session-idle", *values["session-idle"]); err != nil {
		return configuration{}, err
	}
	if c.SessionMax, err = sessionTime("session-max", *values["session-max"]); err != nil {
		return configuration{}, err
	}
	if c.Sample, err = strconv.ParseBool(*values["sample"]); err != nil {
		return configuration{}, fmt.Errorf("%s is %q: use true or false", env("sample"), *values["sample"])
	}
	return c, c.check()
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
