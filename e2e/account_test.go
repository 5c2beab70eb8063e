package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"patchbay/e2e/browser"
)

// Someone sets two-step sign-in up, is asked for its code in another browser, and signs out everywhere else; each page is checked.
func TestTwoStepSignIn(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p, tab := withAdmin(t)
	tab.Go(p.url + "/settings/account")
	tab.Press("Set up two-step sign-in")
	tab.Want("document.querySelector('img.qr').naturalWidth", 252)
	checkPage(t, tab, string(axe), "setting up")
	secret := tab.Eval("document.querySelector('pb-copy').dataset.text")
	code := func(after time.Duration) string {
		text, err := totp.GenerateCode(strings.Trim(secret, `"`), time.Now().Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tab.Fill("code", code(0))
	tab.Press("Turn on two-step sign-in")
	tab.Want("document.querySelectorAll('.codes li').length", 10)
	checkPage(t, tab, string(axe), "recovery codes")
	recovery := strings.Trim(tab.Eval("document.querySelector('.codes li').textContent"), `"`)
	tab.Press("I have kept them")
	tab.See("10 recovery codes are left")

	other := browser.Open(t)
	other.Expect("422")
	other.Go(p.url + "/settings/connections")
	other.Fill("email", "admin@example.com")
	other.Fill("password", password)
	other.Press("Sign in")
	other.See("Enter your code")
	checkPage(t, other, string(axe), "the code")
	other.Fill("code", code(0))
	other.Press("Sign in")
	other.See("The code is wrong or was used already")
	other.Fill("code", recovery)
	other.Press("Sign in")
	other.Want("location.pathname", "/settings/connections")

	tab.Go(p.url + "/settings/account")
	tab.See("9 recovery codes are left")
	tab.Press("Sign out everywhere else")
	tab.See("You are signed out everywhere else")
	other.Go(p.url + "/projects")
	other.Want("location.pathname", "/sign-in")
}
