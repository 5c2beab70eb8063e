package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func environment(vars map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		v, ok := vars[key]
		return v, ok
	}
}

func TestConfigure(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want func(configuration) bool
		bad  string // part of the error
	}{
		"defaults":                          {want: func(c configuration) bool { return c.Addr == "127.0.0.1:8080" && c.DataDir == "./data" && !c.Sample }},
		"environment":                       {env: map[string]string{"PATCHBAY_DATA_DIR": "/d", "PATCHBAY_SAMPLE": "true"}, want: func(c configuration) bool { return c.DataDir == "/d" && c.Sample }},
		"a flag beats it":                   {args: []string{"--data-dir", "/f"}, env: map[string]string{"PATCHBAY_DATA_DIR": "/d"}, want: func(c configuration) bool { return c.DataDir == "/f" }},
		"a slash at the end":                {env: map[string]string{"PATCHBAY_BASE_URL": "https://p.example.com/"}, want: func(c configuration) bool { return c.BaseURL == "https://p.example.com" }},
		"open to others without a base URL": {args: []string{"--addr", "0.0.0.0:8080"}, bad: "PATCHBAY_BASE_URL"},
		"all interfaces by default":         {args: []string{"--addr", ":8080"}, bad: "PATCHBAY_BASE_URL"},
		"plain http for others":             {env: map[string]string{"PATCHBAY_BASE_URL": "http://patchbay.example.com"}, bad: "without https"},
		"plain http by address":             {env: map[string]string{"PATCHBAY_BASE_URL": "http://192.168.1.5:8080"}, bad: "PATCHBAY_BASE_URL"},
		"plain http for a like name":        {env: map[string]string{"PATCHBAY_BASE_URL": "http://localhost.example.com"}, bad: "PATCHBAY_BASE_URL"},
		"plain http here":                   {env: map[string]string{"PATCHBAY_BASE_URL": "http://localhost:8080"}, want: func(c configuration) bool { return c.BaseURL == "http://localhost:8080" }},
		"plain http here by address":        {env: map[string]string{"PATCHBAY_BASE_URL": "http://[::1]:8080"}, want: func(c configuration) bool { return c.BaseURL == "http://[::1]:8080" }},
		"no URL":                            {env: map[string]string{"PATCHBAY_BASE_URL": "p.example.com"}, bad: "PATCHBAY_BASE_URL"},
		"no bool":                           {env: map[string]string{"PATCHBAY_SAMPLE": "perhaps"}, bad: "PATCHBAY_SAMPLE"},
		"sessions by default":               {want: func(c configuration) bool { return c.SessionIdle == 12*time.Hour && c.SessionMax == 7*24*time.Hour }},
		"session times":                     {args: []string{"--session-idle", "30m"}, env: map[string]string{"PATCHBAY_SESSION_MAX": "24h"}, want: func(c configuration) bool { return c.SessionIdle == 30*time.Minute && c.SessionMax == 24*time.Hour }},
		"no time":                           {env: map[string]string{"PATCHBAY_SESSION_IDLE": "soon"}, bad: "PATCHBAY_SESSION_IDLE"},
		"a session without an end":          {env: map[string]string{"PATCHBAY_SESSION_MAX": "0"}, bad: "PATCHBAY_SESSION_MAX"},
		"an argument":                       {args: []string{"now"}, bad: "now"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := configure(c.args, environment(c.env), &bytes.Buffer{})
			switch {
			case c.bad != "" && (err == nil || !strings.Contains(err.Error(), c.bad)):
				t.Errorf("error %v does not name %s", err, c.bad)
			case c.bad == "" && (err != nil || !c.want(got)):
				t.Errorf("got %+v, error %v", got, err)
			}
		})
	}
}

// Secrets come by the environment alone: arguments show in the list of processes.
func TestSecretsAreNoFlags(t *testing.T) {
	for _, flag := range []string{"--master-key", "--admin-password", "--smtp-password"} {
		if _, err := configure([]string{flag, "x"}, environment(nil), &bytes.Buffer{}); err == nil {
			t.Errorf("%s is taken as an argument", flag)
		}
	}
}

func TestHelpNamesEverySetting(t *testing.T) {
	var out bytes.Buffer
	if _, err := configure([]string{"--help"}, environment(nil), &out); !isHelp(err) {
		t.Fatalf("help answers %v", err)
	}
	for _, s := range settings {
		if !strings.Contains(out.String(), env(s.flag)) {
			t.Errorf("help leaves out %s", env(s.flag))
		}
	}
}

// Mail goes under TLS, or to this machine without a password; what cannot be used is refused at start, with the name of the setting.
func TestMailSettings(t *testing.T) {
	for _, c := range []struct {
		addr, from, user, tls string
		ok                    bool
	}{
		{"", "", "", "starttls", true},
		{"mail.example.com:587", "patchbay@example.com", "me", "starttls", true},
		{"mail.example.com:465", "patchbay@example.com", "", "tls", true},
		{"127.0.0.1:25", "patchbay@example.com", "", "off", true},
		{"127.0.0.1:25", "patchbay@example.com", "me", "off", false},
		{"mail.example.com:25", "patchbay@example.com", "", "off", false},
		{"mail.example.com", "patchbay@example.com", "", "tls", false},
		{"mail.example.com:0", "patchbay@example.com", "", "tls", false},
		{"mail.example.com:25", "", "", "starttls", false},
		{"mail.example.com:25", "Patchbay <p@example.com>", "", "starttls", false},
		{"mail.example.com:25", "p@example.com\r\nBcc: x@example.com", "", "starttls", false},
		{"mail.example.com:25", "p@example.com", "", "maybe", false},
	} {
		values := map[string]string{"PATCHBAY_SMTP_ADDR": c.addr, "PATCHBAY_SMTP_FROM": c.from, "PATCHBAY_SMTP_USER": c.user, "PATCHBAY_SMTP_TLS": c.tls, "PATCHBAY_SMTP_PASSWORD": "canary"}
		got, err := configure(nil, environment(values), &bytes.Buffer{})
		if (err == nil) != c.ok || err != nil && (!strings.Contains(err.Error(), "PATCHBAY_SMTP_") || strings.Contains(err.Error(), "canary")) {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil && got.Mail.On() != (c.addr != "") {
			t.Errorf("%+v: mail is %v", c, got.Mail.On())
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	for text, want := range map[string]string{
		"": "[]", "10.0.0.5": "[10.0.0.5/32]", "10.0.0.9/24, ::1": "[10.0.0.0/24 ::1/128]", "proxy.example.com": "", "10.0.0.0/33": "", "::ffff:10.0.0.1": "", "10.0.0.1;10.0.0.2": "",
	} {
		c, err := configure(nil, environment(map[string]string{"PATCHBAY_TRUSTED_PROXIES": text}), &bytes.Buffer{})
		switch {
		case want == "" && (err == nil || !strings.Contains(err.Error(), "PATCHBAY_TRUSTED_PROXIES")):
			t.Errorf("%q gives %v, error %v", text, c.TrustedProxies, err)
		case want != "" && (err != nil || fmt.Sprint(c.TrustedProxies) != want):
			t.Errorf("%q gives %v, want %s, error %v", text, c.TrustedProxies, want, err)
		}
	}
}
