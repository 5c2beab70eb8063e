package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"patchbay/catalog"
	"patchbay/dialect"
	"patchbay/secret"
)

// sample is a connector with every kind of field, whose Open is never called.
func sample() *Connector {
	return &Connector{
		Type: "sample", Name: "Sample", Summary: "A product for tests", Tier: 3, TLS: TLSDefaultOn, Tunnel: true,
		Levels: []catalog.Level{catalog.LevelTable}, Dialect: dialect.Postgres,
		Open: func(context.Context, Target) (Source, error) { return nil, errors.New("not for opening") },
		Fields: []Field{
			{Key: "host", Label: "Host", Kind: Text, Section: SectionServer, Required: true, Redirects: true, Check: CheckHost},
			{Key: "port", Label: "Port", Kind: Number, Section: SectionServer, Required: true, Redirects: true, Default: "5432", Check: CheckPort},
			{Key: "auth", Label: "Sign-in", Kind: Select, Section: SectionSignIn, Stays: true, Default: "password", Choices: []Choice{{"password", "Password"}, {"token", "Token"}}},
			{Key: "user", Label: "User", Kind: Text, Section: SectionSignIn, Required: true, Stays: true, ShowIf: &Cond{"auth", []string{"password"}}},
			{Key: "password", Label: "Password", Kind: Text, Section: SectionSignIn, Secret: true, Required: true, ShowIf: &Cond{"auth", []string{"password"}}},
			{Key: "token", Label: "Token", Kind: Text, Section: SectionSignIn, Secret: true, Required: true, ShowIf: &Cond{"auth", []string{"token"}}},
			{Key: "slow", Label: "Slow", Kind: Bool, Section: SectionAdvanced, Stays: true, Default: "false"},
		},
		Schemes: []string{"sample", "jdbc:sample"},
		ParseURL: func(string) (Values, Secrets, error) {
			return nil, nil, errors.New(`parse "sample://me:hunter22@x": no`)
		},
	}
}

func TestRegistryRefusesBadDeclarations(t *testing.T) {
	if _, err := NewRegistry([]*Connector{sample()}, nil); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	field := func(change func(*Field)) func(*Connector) {
		return func(c *Connector) {
			f := Field{Key: "extra", Label: "Extra", Kind: Text, Section: SectionAdvanced, Stays: true}
			change(&f)
			c.Fields = append(c.Fields, f)
		}
	}
	for want, change := range map[string]func(*Connector){
		"declared twice":                  field(func(f *Field) { f.Key = "host" }),
		"ssh_host is declared twice":      field(func(f *Field) { f.Key = "ssh_host" }),
		"on a condition that cannot hold": field(func(f *Field) { f.ShowIf = &Cond{"nowhere", []string{"x"}} }),
		"extra: it shows on a condition":  field(func(f *Field) { f.ShowIf = &Cond{"auth", []string{"kerberos"}} }),
		"that cannot hold":                field(func(f *Field) { f.ShowIf = &Cond{"password", []string{"x"}} }),
		"a secret has no default":         field(func(f *Field) { f.Secret, f.Stays, f.Default = true, false, "x" }),
		"the default cannot be chosen":    field(func(f *Field) { f.Kind, f.Choices, f.Default = Select, []Choice{{"a", "A"}}, "b" }),
		"default cannot be chosen":        field(func(f *Field) { f.Kind, f.Default = Number, "many" }),
		"one of Secret, Redirects":        field(func(f *Field) { f.Stays = false }),
		"Redirects and Stays":             field(func(f *Field) { f.Redirects = true }),
		"has choices":                     field(func(f *Field) { f.Kind = Select }),
		"not snake_case":                  field(func(f *Field) { f.Key = "Extra" }),
		"field of this name":              field(func(f *Field) { f.Key = "description" }),
		"no label":                        field(func(f *Field) { f.Label = "" }),
		"kind is unknown":                 field(func(f *Field) { f.Kind = "colour" }),
		"section is unknown":              field(func(f *Field) { f.Section = "attic" }),
		"no levels":                       func(c *Connector) { c.Levels = nil },
		"cannot be opened":                func(c *Connector) { c.Open = nil },
		"not kebab-case":                  func(c *Connector) { c.Type = "Sample" },
		"rule is unknown":                 func(c *Connector) { c.TLS = "maybe" },
		"cannot read them":                func(c *Connector) { c.ParseURL = nil },
	} {
		c := sample()
		change(c)
		if _, err := NewRegistry([]*Connector{c}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal with %q, got %v", want, err)
		}
	}
	if _, err := NewRegistry([]*Connector{sample(), sample()}, nil); err == nil {
		t.Error("two connectors of one type were taken")
	}
}

func TestFromURL(t *testing.T) {
	other := sample()
	other.Type, other.Schemes = "other", []string{"samp"}
	r, err := NewRegistry([]*Connector{other, sample()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"sample://me:hunter22@x", "SAMPLE://me:hunter22@x", "jdbc:sample://x"} {
		c, _, _, err := r.FromURL(raw)
		var bad *FieldError
		if c == nil || c.Type != "sample" || !errors.As(err, &bad) || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: %v, %v", raw, c, err)
		}
	}
	if c, _, _, err := r.FromURL("mongodb://me:hunter22@x"); c != nil || err == nil || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("unknown scheme: %v, %v", c, err)
	}
}

func TestParse(t *testing.T) {
	v, s, bad := sample().Parse(map[string]string{"host": " db.example.com\n", "password": " p ", "user": "", "token": "", "sslmode": "x", "name": "y"})
	if want := (Values{"host": "db.example.com"}); !maps.Equal(v, want) {
		t.Errorf("values %v, want %v", v, want)
	}
	if len(s) != 1 || s["password"].Reveal() != " p " {
		t.Errorf("secrets %v: a password is kept as it was typed, an empty one is none", s)
	}
	if got := slices.Sorted(maps.Keys(bad)); !slices.Equal(got, []string{"name", "sslmode"}) {
		t.Errorf("refused %v", got)
	}
}

func TestCheck(t *testing.T) {
	password := Secrets{"password": secret.New("p")}
	good := Values{"host": "db", "user": "me"}
	with := func(change Values) Values {
		v := maps.Clone(good)
		maps.Copy(v, change)
		return v
	}
	for name, c := range map[string]struct {
		v     Values
		s     Secrets
		saved []string
		draft bool
		bad   []string
	}{
		"good":                           {good, password, nil, false, nil},
		"empty":                          {nil, nil, nil, false, []string{"host", "password", "user"}},
		"empty draft":                    {nil, nil, nil, true, nil},
		"wrong draft":                    {Values{"port": "x"}, nil, nil, true, []string{"port"}},
		"saved secret":                   {good, nil, []string{"password"}, false, nil},
		"other sign-in needs its own":    {with(Values{"auth": "token"}), password, nil, false, []string{"token"}},
		"hidden is not required":         {Values{"host": "db", "auth": "token"}, Secrets{"token": secret.New("t")}, nil, false, nil},
		"unknown choice":                 {with(Values{"auth": "kerberos"}), password, nil, false, []string{"auth"}},
		"port out of range":              {with(Values{"port": "70000"}), password, nil, false, []string{"port"}},
		"no number":                      {with(Values{"port": "0x50"}), password, nil, false, []string{"port"}},
		"host with a path":               {with(Values{"host": "db/x?sslmode=disable"}), password, nil, false, []string{"host"}},
		"host is a socket":               {with(Values{"host": "/var/run/x"}), password, nil, false, []string{"host"}},
		"IPv6 host":                      {with(Values{"host": "2001:db8::1"}), password, nil, false, nil},
		"two lines":                      {with(Values{"user": "me\nsslmode=disable"}), password, nil, false, []string{"user"}},
		"no Boolean":                     {with(Values{"slow": "yes"}), password, nil, false, []string{"slow"}},
		"raw option":                     {with(Values{"sslrootcert": "/etc/passwd"}), password, nil, false, []string{"sslrootcert"}},
		"secret among values":            {with(Values{"password": "p"}), password, nil, false, []string{"password"}},
		"value among secrets":            {good, Secrets{"password": secret.New("p"), "host": secret.New("h")}, nil, false, []string{"host"}},
		"unknown TLS mode":               {with(Values{"tls_mode": "prefer"}), password, nil, false, []string{"tls_mode"}},
		"CA is a path":                   {with(Values{"tls_ca": "/etc/ssl/ca.pem"}), password, nil, false, []string{"tls_ca"}},
		"CA unread in mode require":      {with(Values{"tls_mode": "require", "tls_ca": "/etc/ssl/ca.pem"}), password, nil, false, nil},
		"key without certificate":        {good, Secrets{"password": secret.New("p"), "tls_key": secret.New("k")}, nil, false, []string{"tls_cert"}},
		"SSH":                            {with(Values{"ssh_enabled": "true"}), password, nil, false, []string{"ssh_host", "ssh_user"}},
		"SSH off":                        {with(Values{"ssh_auth": "key"}), password, nil, false, nil},
		"SSH by a key that is not there": {with(Values{"ssh_enabled": "true", "ssh_host": "b", "ssh_user": "u", "ssh_auth": "key"}), password, nil, false, []string{"ssh_key"}},
		"SSH by no key": {with(Values{"ssh_enabled": "true", "ssh_host": "b", "ssh_user": "u", "ssh_auth": "key"}),
			Secrets{"password": secret.New("p"), "ssh_key": secret.New("/root/.ssh/id_rsa")}, nil, false, []string{"ssh_key"}},
		"SSH host key": {with(Values{"ssh_enabled": "true", "ssh_host": "b", "ssh_user": "u", "ssh_host_key": "SHA256:x"}), password, nil, false, []string{"ssh_host_key"}},
	} {
		bad := sample().Check(c.v, c.s, c.saved, c.draft)
		if got := slices.Sorted(maps.Keys(bad)); !slices.Equal(got, c.bad) {
			t.Errorf("%s: refused %v, want %v", name, bad, c.bad)
		}
	}
	c := sample()
	c.TLS = TLSRequired
	if bad := c.Check(with(Values{"tls_mode": "disable"}), password, nil, false); bad["tls_mode"] == "" {
		t.Error("a connector that requires TLS can be saved without")
	}
}

// Every field either changes the destination or cannot (PROMISES P12); a field that is not shown never does.
func TestDestination(t *testing.T) {
	c := sample()
	base := Values{"host": "db", "user": "me", "ssh_enabled": "true", "ssh_host": "bastion", "ssh_user": "tunnel"}
	other := map[Kind]string{Text: "other", Number: "99", PEM: "other", Lines: "other", JSON: "{}"}
	for _, f := range c.AllFields() {
		if f.Secret {
			continue
		}
		changed := maps.Clone(base)
		changed[f.Key] = other[f.Kind]
		switch {
		case f.Kind == Select:
			changed[f.Key] = f.Choices[len(f.Choices)-1].Value
		case f.Kind == Bool && base[f.Key] == "true":
			changed[f.Key] = "false"
		case f.Kind == Bool:
			changed[f.Key] = "true"
		}
		if moved := c.Destination(changed) != c.Destination(base); moved != f.Redirects {
			t.Errorf("%s: the destination moved: %v, declared %v", f.Key, moved, f.Redirects)
		}
	}
	same := maps.Clone(base)
	maps.Copy(same, Values{"port": "5432", "tls_mode": "verify-full"})
	if c.Destination(same) != c.Destination(base) {
		t.Error("naming a default moved the destination")
	}
	off := Values{"host": "db", "user": "me"}
	moved := Values{"host": "db", "user": "me", "ssh_host": "bastion"}
	if c.Destination(off) != c.Destination(moved) {
		t.Error("an SSH host moved the destination though no tunnel is used")
	}
	two := sample()
	two.Type = "sample-two"
	if c.Destination(base) == two.Destination(base) {
		t.Error("two products have one destination")
	}
}

func TestHost(t *testing.T) {
	file := &Connector{TLS: TLSNone, Fields: []Field{{Key: "file", Kind: Text, Redirects: true}}}
	for want, got := range map[string]string{
		"db:5432": sample().Host(Values{"host": "db"}), "[::1]:1": sample().Host(Values{"host": "::1", "port": "1"}),
		"5432": sample().Host(nil), "x.db": file.Host(Values{"file": "x.db"}), "": file.Host(nil),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSchema(t *testing.T) {
	text, err := json.Marshal(sample().Schema())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Properties map[string]struct {
			Properties           map[string]map[string]any
			Required             []string
			AdditionalProperties bool
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	config, secrets := got.Properties["config"], got.Properties["secrets"]
	if !reflect.DeepEqual(config.Required, []string{"host"}) || config.AdditionalProperties {
		t.Errorf("config requires %v", config.Required)
	}
	if config.Properties["password"] != nil || secrets.Properties["password"]["writeOnly"] != true || secrets.Properties["ssh_key"]["writeOnly"] != true {
		t.Error("secrets are not apart, or not write-only")
	}
	if got, want := config.Properties["tls_mode"]["enum"], []any{"verify-full", "verify-ca", "require", "disable"}; !reflect.DeepEqual(got, want) {
		t.Errorf("tls_mode is one of %v, want %v", got, want)
	}
}

func TestCausesHaveWords(t *testing.T) {
	for _, c := range []Cause{CauseAddress, CauseRefusedPolicy, CauseUnreachable, CauseTunnel, CauseHostKey, CauseTLS, CauseSignIn, CauseDenied, CauseNotFound,
		CauseStatement, CauseLimit, CauseTimeout, CauseCancelled, CauseLost, CauseUnsupported, CauseInternal} {
		if _, own := causes[c]; !own {
			t.Errorf("%s has no words", c)
		}
		for _, words := range []string{c.Words(), c.Hint()} {
			if words == "" || strings.HasSuffix(words, ".") || strings.Contains(words, "!") {
				t.Errorf("%s: %q", c, words)
			}
		}
	}
}
