// Package e2e drives the whole binary with a real browser, as each of the three people who use it.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"patchbay/e2e/browser"
)

const password = "correct-horse-battery"

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "patchbay-e2e-")
	if err == nil {
		binary = filepath.Join(dir, "patchbay")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, "patchbay").CombinedOutput(); err != nil {
			err = fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	browser.Stop()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A product is one running server.
type product struct {
	t         *testing.T
	url, dir  string
	setupLink string
	process   *exec.Cmd
	ended     chan error
	stopped   sync.Once
}

// run starts the binary on a new data folder, with more environment; it is stopped gracefully when the test ends.
func run(t *testing.T, env ...string) *product {
	t.Helper()
	return runOn(t, t.TempDir(), env...)
}

// runOn is run on a data folder that is there already, perhaps with what another server left in it.
func runOn(t *testing.T, dir string, env ...string) *product {
	t.Helper()
	p := &product{t: t, dir: dir, ended: make(chan error, 1)}
	p.process = exec.Command(binary, "serve")
	p.process.Env = append(append(os.Environ(), "PATCHBAY_ADDR=127.0.0.1:0", "PATCHBAY_DATA_DIR="+p.dir), env...)
	p.process.Stderr = testLog{t}
	out, err := p.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	p.greeting(out)
	go func() {
		_, _ = io.Copy(io.Discard, out)
		p.ended <- p.process.Wait()
	}()
	return p
}

// testLog shows the server's log with the test that it belongs to.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	if strings.Contains(string(b), `"level":"ERROR"`) {
		l.t.Errorf("the server logged: %s", b)
	}
	return len(b), nil
}

var address = regexp.MustCompile(`http://\S+`)

// greeting reads where the server is, and the setup link where one is printed.
func (p *product) greeting(out io.Reader) {
	p.t.Helper()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		found := address.FindString(lines.Text())
		switch {
		case found == "":
		case strings.Contains(found, "/setup?"):
			p.setupLink = found
			return
		default:
			p.url = found
			if hasAdmin(p.process.Env) {
				return
			}
		}
	}
	p.t.Fatal("the server ended before it was ready")
}

func hasAdmin(env []string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, "PATCHBAY_ADMIN_EMAIL=") {
			return true
		}
	}
	return false
}

// stop ends the server as a supervisor does, and wants it to end well within 30 s (P74). It may be called again.
func (p *product) stop() { p.stopped.Do(p.stopOnce) }

func (p *product) stopOnce() {
	_ = p.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("SIGTERM: %v", err)
		}
	case <-time.After(30 * time.Second):
		_ = p.process.Process.Kill()
		p.t.Error("the server did not stop within 30 s")
	}
}

// withAdmin starts a server that has an Admin, and a tab where they are signed in.
func withAdmin(t *testing.T, env ...string) (*product, *browser.Tab) {
	t.Helper()
	p := run(t, append(env, "PATCHBAY_ADMIN_EMAIL=admin@example.com", "PATCHBAY_ADMIN_PASSWORD="+password)...)
	return p, p.signIn("admin@example.com")
}

// signIn opens a tab and signs in.
func (p *product) signIn(email string) *browser.Tab {
	p.t.Helper()
	tab := browser.Open(p.t)
	tab.Go(p.url + "/sign-in")
	tab.Fill("email", email)
	tab.Fill("password", password)
	tab.Press("Sign in")
	tab.Want("location.pathname", "/projects")
	return tab
}

// token is an API token of the Admin, made on the command line beside the running server.
func (p *product) token() string {
	p.t.Helper()
	out, err := exec.Command(binary, "token", "create", "--data-dir", p.dir, "--user", "admin@example.com", "--name", "e2e", "--scope", "admin").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			p.t.Fatalf("token create: %s", exit.Stderr)
		}
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// api calls the API and answers with status and body.
func (p *product) api(token, method, path, body string) (int, string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 40*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
