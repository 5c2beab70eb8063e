package views

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"patchbay/connectors"
)

func draw(t *testing.T, f FormField) *goquery.Document {
	t.Helper()
	var b strings.Builder
	if err := FieldInput(f).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSecretIsNeverWritten(t *testing.T) {
	for _, kind := range []connectors.Kind{connectors.Text, connectors.PEM, connectors.JSON, connectors.Lines} {
		for _, saved := range []bool{true, false} {
			doc := draw(t, FormField{Field: connectors.Field{Key: "k", Label: "K", Kind: kind, Secret: true}, Value: "canary", Saved: saved})
			html, err := doc.Html()
			if err != nil || strings.Contains(html, "canary") {
				t.Errorf("%s, saved %v: %s %v", kind, saved, html, err)
			}
			if got := doc.Find(".secret-saved").Length() == 1; got != saved {
				t.Errorf("%s: says Saved: %v, want %v", kind, got, saved)
			}
		}
	}
}

func TestRequiredSecretCannotBeRemoved(t *testing.T) {
	for _, required := range []bool{true, false} {
		doc := draw(t, FormField{Field: connectors.Field{Key: "k", Kind: connectors.Text, Secret: true, Required: required}, Saved: true})
		if got := doc.Find(`[name="remove-k"]`).Length() == 1; got == required {
			t.Errorf("required %v: offers to remove: %v", required, got)
		}
	}
}

func TestErrorAndHelpAreTiedToTheirInput(t *testing.T) {
	doc := draw(t, FormField{Field: connectors.Field{Key: "port", Label: "Port", Kind: connectors.Number, Help: "5432 as a rule", Default: "5432"}, Error: "Give a number"})
	input := doc.Find("input")
	if v, _ := input.Attr("aria-invalid"); v != "true" {
		t.Errorf("aria-invalid is %q", v)
	}
	by, _ := input.Attr("aria-describedby")
	var said []string
	for id := range strings.FieldsSeq(by) {
		said = append(said, strings.TrimSpace(doc.Find("#"+id).Text()))
	}
	if got := strings.Join(said, "; "); got != "Give a number; 5432 as a rule" {
		t.Errorf("described by %q", got)
	}
	if v, _ := input.Attr("value"); v != "5432" {
		t.Errorf("value is %q, want the default", v)
	}
	if id, _ := input.Attr("id"); doc.Find(`label[for="`+id+`"]`).Text() == "" {
		t.Error("the input has no label")
	}
}

func TestFieldTellsWhenItShows(t *testing.T) {
	doc := draw(t, FormField{Field: connectors.Field{Key: "token", Kind: connectors.Text, Required: true, ShowIf: &connectors.Cond{Key: "auth", In: []string{"jwt", "iam"}}}})
	if got, _ := doc.Find(".field").Attr("data-show-if"); got != "auth=jwt,iam" {
		t.Errorf("data-show-if is %q", got)
	}
	if _, required := doc.Find("input").Attr("required"); required {
		t.Error("a field that may be hidden is required by the browser: the form could not be sent")
	}
}

func TestSwitchAlwaysSendsItsValue(t *testing.T) {
	doc := draw(t, FormField{Field: connectors.Field{Key: "aurora", Label: "Aurora", Kind: connectors.Bool}, Value: "true"})
	if _, checked := doc.Find(`input[type=checkbox][name=aurora][value=true]`).Attr("checked"); !checked {
		t.Error("the switch is off")
	}
	if doc.Find(`input[type=hidden][name=aurora][value=false]`).Length() != 1 {
		t.Error("nothing is sent while the switch is off")
	}
}
