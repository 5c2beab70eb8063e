package e2e

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"patchbay/e2e/browser"
)

// A mailbox takes every letter.
type mailbox struct{ letters chan string }

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return m, nil }
func (m *mailbox) Mail(string, *smtp.MailOptions) error        { return nil }
func (m *mailbox) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (m *mailbox) Reset()                                      {}
func (m *mailbox) Logout() error                               { return nil }
func (m *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	m.letters <- string(text)
	return err
}

// Someone schedules a notebook, is told of its run with the results, and after a connection was limited is offered them no more.
func TestProjectSchedule(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox{letters: make(chan string, 10)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(box)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	p, tab := withAdmin(t, "PATCHBAY_SAMPLE=true", "PATCHBAY_SMTP_ADDR="+l.Addr().String(), "PATCHBAY_SMTP_FROM=patchbay@example.com", "PATCHBAY_SMTP_TLS=off")
	token := p.token()
	connection, project := p.first(token, "/api/v1/connections"), p.first(token, "/api/v1/projects")
	look := func(name string) {
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				tab.Width(width)
				tab.Eval("(document.documentElement.dataset.theme = '" + theme + "', 1)")
				tab.Await("new Promise((r) => setTimeout(r, 500, 1))") // colours change slowly
				checkPage(t, tab, string(axe), name+" "+theme)
				takePictures(tab, name+"-"+theme+"-"+strconv.FormatInt(width, 10))
			}
		}
		tab.Width(1280)
	}

	tab.Go(p.url + "/projects/" + project)
	tab.Activate("a[href='/projects/" + project + "/schedule']")
	tab.See("It will run as you")
	tab.Want("document.querySelector('#field-cron').checkVisibility()", false)
	tab.Fill("schedule_kind", "daily")
	tab.Want("document.querySelectorAll('#next-runs li').length", 5)
	tab.Press("Save schedule")
	tab.See("It runs as you")
	tab.Want("document.querySelector('#field-url').checkVisibility()", false)
	tab.Fill("who", "admin@example.com")
	tab.Activate("[name=attach]")
	tab.Press("Add")
	tab.See("After every run · with results as CSV")
	tab.Fill("kind", "webhook")
	tab.Want("document.querySelector('#field-who').checkVisibility()", false)
	tab.Fill("url", "https://hooks.invalid/services/T0K3N")
	tab.Press("Add")
	tab.See("Copy the signing key now")
	tab.Press("Run now")
	tab.Want("document.querySelector('#runs .status.is-ok') !== null", true) // by itself
	if letter := <-box.letters; !strings.Contains(letter, "text/csv") || !strings.Contains(letter, "ran on") {
		t.Errorf("the letter is %.2000s", letter)
	}
	tab.Go(p.url + "/projects/" + project + "/schedule")
	tab.See("Messages")
	look("told")

	p.must(token, "PUT", "/api/v1/connections/"+connection+"/permissions", `{"can_query":["members"],"can_view_results":["members"],"can_refresh_schema":"can_query"}`)
	tab.Expect("422")
	tab.Go(p.url + "/projects/" + project + "/schedule")
	tab.See("Can view results on “Sample shop” is limited")
	tab.Want("document.querySelectorAll('[name=attach]').length", 0)
	tab.Press("Add")
	tab.Want("document.activeElement.id", "field-who")
	look("limited")
}

// takePictures writes what a page shows, from its head to its foot, where PICTURES names a folder.
func takePictures(tab *browser.Tab, name string) {
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	for i, at := range []string{"0", "700", "1400", "2100"} {
		tab.Eval("(scrollTo(0, " + at + "), 1)")
		tab.Screenshot(dir + "/" + name + "-" + strconv.Itoa(i) + ".png")
	}
}
