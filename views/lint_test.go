package views

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// banned is what a template must not hold (P16, P48): each would let a name become script, or be refused by the content
// security policy.
var banned = []struct {
	what    string
	pattern *regexp.Regexp
	sample  string
}{
	{"a style attribute", regexp.MustCompile(`\sstyle\??=`), `<p style="color:red">`},
	{"a style attribute", regexp.MustCompile(`"style":`), `templ.Attributes{"style": x}`},
	{"an event attribute", regexp.MustCompile(`\son[a-z]+\??=`), `<a onclick="x()">`},
	{"an event attribute", regexp.MustCompile(`"on[a-z]+":`), `templ.Attributes{"onclick": x}`},
	{"hx-on", regexp.MustCompile(`hx-on`), `<p hx-on:click="x()">`},
	{"a js: value", regexp.MustCompile(`\b(js|javascript):`), `<p hx-vals="js:{a: b()}">`},
	{"a trigger filter", regexp.MustCompile(`hx-trigger[^=:]*[=:]\s*"[^"]*\[`), `<p hx-trigger="click[ctrlKey]">`},
	{"hx-boost", regexp.MustCompile(`hx-boost`), `<body hx-boost="true">`},
	{"unescaped HTML", regexp.MustCompile(`templ\.(Raw|FromGoHTML|ToGoHTML)\b`), `@templ.Raw(comment)`},
	{"an unchecked address", regexp.MustCompile(`\bSafeURL\b`), `href={ templ.SafeURL(u) }`},
	{"generated script or style", regexp.MustCompile(`templ\.(JSFuncCall|JSUnsafeFuncCall|ComponentScript|SafeCSS|SafeScript|ScriptFrom)|(?m)^(script|css) \w+\(`), "script go() {"},
	{"an inline script", regexp.MustCompile(`<script(?:\s+[a-z-]+="[^"]*")*\s*>`), `<script type="module">`},
	{"an inline style sheet", regexp.MustCompile(`<style\b`), `<style>p{}</style>`},
}

func TestTemplatesHoldNothingThatRunsOrIsRefused(t *testing.T) {
	for _, name := range sources(t, "*.templ", "*.go") {
		text := read(t, name)
		for _, b := range banned {
			if at := b.pattern.FindStringIndex(text); at != nil {
				t.Errorf("%s:%d holds %s: %s", name, strings.Count(text[:at[0]], "\n")+1, b.what, text[at[0]:at[1]])
			}
		}
	}
}

func TestTheLintSeesWhatItBans(t *testing.T) {
	for _, b := range banned {
		if !b.pattern.MatchString(b.sample) {
			t.Errorf("%s is not seen in %s", b.what, b.sample)
		}
	}
}

// sources are the files of this folder that people write.
func sources(t *testing.T, patterns ...string) []string {
	t.Helper()
	var out []string
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_templ.go") && !strings.HasSuffix(name, "_test.go") {
				out = append(out, name)
			}
		}
	}
	if len(out) < 5 {
		t.Fatalf("only %d sources found", len(out))
	}
	return out
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// named finds icons where they are named: Icon("x"), Icon: "x", MenuButton("x", MenuLink(href, "x", Empty("x".
var named = regexp.MustCompile(`(?:[Ii]con(?:\(|: )|MenuButton\(|Empty\(|MenuLink\([^,\n]+, )"([a-z0-9-]+)"`)

// The sprite holds the icons in use and no others.
func TestSpriteHoldsTheIconsInUse(t *testing.T) {
	listed := map[string]bool{}
	for icon := range strings.FieldsSeq(read(t, "../static/src/icons.txt")) {
		listed[icon] = true
	}
	var all strings.Builder
	for _, name := range append(sources(t, "*.templ", "*.go"), scripts(t)...) {
		all.WriteString(read(t, name))
	}
	for icon := range listed {
		if !strings.Contains(all.String(), `"`+icon+`"`) {
			t.Errorf("icon %s is in icons.txt and nowhere used", icon)
		}
	}
	for _, m := range named.FindAllStringSubmatch(all.String(), -1) {
		if !listed[m[1]] {
			t.Errorf("icon %s is used and not in icons.txt", m[1])
		}
	}
}

func scripts(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"../static/src/js/*.js", "../static/src/js/*/*.js"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, names...)
	}
	return out
}
