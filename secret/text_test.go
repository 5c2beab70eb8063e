package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = `c4n@ry:/%?#'"\ü`

// holder has a secret in every place where printing has leaked one before.
type holder struct {
	Text
	Plain   Text
	hidden  Text
	pointer *Text
	list    []Text
	byName  map[string]Text
	any     any
	deep    struct{ inner Text }
}

func newHolder() holder {
	t := New(canary)
	h := holder{Text: t, Plain: t, hidden: t, pointer: &t, list: []Text{t}, byName: map[string]Text{"password": t}, any: t}
	h.deep.inner = t
	return h
}

func mustNotLeak(t *testing.T, how, printed string) {
	t.Helper()
	start := canary[:6]
	for _, form := range []string{start, fmt.Sprintf("%x", start), fmt.Sprintf("%X", start), strings.Trim(fmt.Sprint([]byte(start)), "[]")} {
		if strings.Contains(printed, form) {
			t.Errorf("%s shows the secret: %s", how, printed)
		}
	}
}

// Every verb, with and without flags, on the text, on a struct with it in exported and unexported fields, and on a pointer to
// that struct (P14).
func TestTextIsNeverPrinted(t *testing.T) {
	h := newHolder()
	values := map[string]any{"text": New(canary), "pointer": h.pointer, "struct": h, "struct pointer": &h, "slice": h.list, "map": h.byName,
		"wrapped": struct{ inner any }{h}}
	for name, v := range values {
		for _, verb := range "vsdqxXboOcUeEfFgGtTp" {
			for _, flags := range []string{"", "+", "#", " ", "-40", "040"} {
				format := "%" + flags + string(verb)
				mustNotLeak(t, name+" with "+format, fmt.Sprintf(format, v))
			}
		}
		mustNotLeak(t, name+" by Sprint", fmt.Sprint(v))
		mustNotLeak(t, name+" in an error", fmt.Errorf("cannot use %v", v).Error())
	}
}

func TestTextIsNeverEncoded(t *testing.T) {
	h := newHolder()
	asJSON, err := json.Marshal(map[string]any{"holder": h, "text": h.Plain, "list": h.list, "map": h.byName})
	if err != nil {
		t.Fatal(err)
	}
	mustNotLeak(t, "JSON", string(asJSON))
	if !strings.Contains(string(asJSON), `"text":"[secret]"`) {
		t.Errorf("JSON should hold the placeholder: %s", asJSON)
	}
	var asGob bytes.Buffer
	_ = gob.NewEncoder(&asGob).Encode(h.Plain) // it refuses, which is as good
	mustNotLeak(t, "gob", asGob.String())
}

func TestTextIsNeverLogged(t *testing.T) {
	h := newHolder()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("open", "text", h.Plain, "holder", h, "pointer", &h, "group", slog.GroupValue(slog.Any("list", h.list)))
	}
	mustNotLeak(t, "slog", out.String())
	if strings.Count(out.String(), placeholder) < 2 {
		t.Errorf("the placeholder should be logged: %s", out.String())
	}
}

func TestTextKeepsItsSecret(t *testing.T) {
	if New(canary).Reveal() != canary {
		t.Error("Reveal should return what New took")
	}
	if !New("").IsZero() || New("").Reveal() != "" || New(" ").IsZero() {
		t.Error("only the empty secret is absent")
	}
}

// A ring, too, may end up in a struct that someone prints. A pointer to an array is not enough: %s follows it.
func TestRingIsNeverPrinted(t *testing.T) {
	r := NewRing()
	key := []byte(r.keys[1].Reveal())
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("ring", "ring", r, "in", struct{ Keys *Ring }{r})
	holders := []any{r, *r, struct{ Keys *Ring }{r}, &struct{ keys *Ring }{r}, struct{ keys Ring }{*r}}
	for _, v := range holders {
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%v %+v %#v %d %x %s %s", v, v, v, v, v, v, asJSON)
	}
	for _, form := range []string{string(key[:4]), fmt.Sprintf("%x", key[:4]), strings.Trim(fmt.Sprint(key[:4]), "[]"), fmt.Sprintf("%#x, %#x", key[0], key[1])} {
		if strings.Contains(out.String(), form) {
			t.Errorf("printing a ring shows its key as %q", form)
		}
	}
}
