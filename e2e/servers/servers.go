// Package servers starts real database servers for the tests: private ones, on 127.0.0.1, with data in a folder of their own
// and TLS by an authority made for the occasion. A server is shared by the tests of one binary that ask for the same
// Options, and it ends, and its folder with it, when the process that started it ends, however that ends.
//
// The programs are Debian's or come from Maven Central; ./install puts both in place.
package servers

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options choose a server. The zero value is the product's usual version with TLS and a good certificate.
type Options struct {
	Version     string // "" is Debian's; PostgreSQL has "18" too
	NoTLS       bool
	Certificate Certificate // what the server shows; Good by default
	Name        string      // tells apart two servers that are otherwise the same
	Settings    string      // more lines of PostgreSQL's configuration
}

// A Server is one running server. Fields do not change.
type Server struct {
	Product, Version string // "postgres", "15"
	Host             string
	Port             int
	Database         string // owned by User
	User, Password   string // may create databases, and is no administrator
	Admin            string
	AdminPassword    string

	CA                    string // PEM: the authority of the server's certificate, unless Options chose another
	ClientCert, ClientKey string // PEM: signs in CertUser without a password
	CertUser              string
	RefusedUser           string // a user whom the server's rules let in from nowhere

	alive io.Closer // the server runs until this is closed, at the latest by the end of this process
}

// Address is host and port together.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

type key struct {
	product string
	options Options
}

type entry struct {
	once   sync.Once
	server *Server
	err    error
}

var (
	mu      sync.Mutex
	running = map[key]*entry{}
)

// A starter starts a server whose files lie in dir, as the given user where we may choose.
type starter func(dir, user string, o Options) (*Server, error)

// shared starts a server the first time that it is asked for. A failure fails every test that asks.
func shared(t testing.TB, product, user string, o Options, start starter) *Server {
	t.Helper()
	mu.Lock()
	e := running[key{product, o}]
	if e == nil {
		e = &entry{}
		running[key{product, o}] = e
	}
	mu.Unlock()
	e.once.Do(func() { e.server, e.err = started(product, user, o, start) })
	if e.err != nil {
		t.Fatalf("start %s: %v", product, e.err)
	}
	return e.server
}

// started leaves nothing behind when it fails.
func started(product, user string, o Options, start starter) (*Server, error) {
	dir, err := folder(product, user)
	if err != nil {
		return nil, err
	}
	s, err := start(dir, user, o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// A program is a server's process before it runs.
type program struct {
	dir    string // its private folder, removed when it ends
	user   string // whom it runs as where we are root
	signal string // what ends it at once
	ready  string // a line of its log that says it takes connections
	failed string // a line of its log that says it never will
	path   string
	args   []string
}

// keeper runs a server until its own input closes, which the kernel does when the process that holds the other end is gone.
const keeper = `dir=$1 signal=$2; shift 2
"$@" & pid=$!
cat >/dev/null
kill -s "$signal" $pid 2>/dev/null
wait $pid
cd / && rm -rf "$dir"`

// run starts the program and waits until it is ready. It ends when the answer is closed.
func (p *program) run() (io.Closer, error) {
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return nil, err
	}
	args := append([]string{"-c", keeper, "keeper", p.dir, p.signal}, as(p.user, p.path, p.args...)...)
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends the tests, and they end the server
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.wait(log.Name()); err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	return alive, nil
}

func (p *program) wait(log string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(log)
		switch {
		case err != nil:
			return err
		case bytes.Contains(text, []byte(p.failed)):
			return fmt.Errorf("%s: %s", p.path, tail(text))
		case bytes.Contains(text, []byte(p.ready)):
			return nil
		}
	}
	text, _ := os.ReadFile(log)
	return fmt.Errorf("%s: not ready after a minute: %s", p.path, tail(text))
}

func tail(text []byte) []byte { return text[max(0, len(text)-2000):] }

// as is the command line that runs path as another user, where we may: servers refuse to run as root.
func as(name, path string, args ...string) []string {
	command := append([]string{path}, args...)
	if os.Getuid() != 0 {
		return command
	}
	return append([]string{"setpriv", "--reuid=" + name, "--regid=" + group(name), "--clear-groups"}, command...)
}

func group(name string) string {
	u, err := user.Lookup(name)
	if err != nil {
		return name
	}
	return u.Gid
}

// setup runs a program to its end as another user.
func setup(dir, name, path string, args ...string) error {
	command := as(name, path, args...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(path), err, tail(out))
	}
	return nil
}

// environment has nothing of the developer's own: a PGDATA or MYSQL_HOME must not reach a test server.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "TMPDIR=/tmp"}
}

// folder makes a private folder that the user may enter. It lies in /tmp and not in TMPDIR: a socket's path is at most 107 bytes.
func folder(product, name string) (string, error) {
	dir, err := os.MkdirTemp("/tmp", "patchbay-"+product+"-")
	if err != nil {
		return "", err
	}
	return dir, own(dir, name)
}

// own hands path to the user, where we may.
func own(path, name string) error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return os.Chown(path, uid, gid)
}

// put writes a file that only the user may read.
func put(dir, file, text, name string) error {
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return own(path, name)
}

// freePort is a port that nothing listens on at this moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// password is new for each server, with the characters that URLs and connection strings trip over.
func password() string { return rand.Text()[:12] + `@:/%?#=&` }

// installed finds a Debian package's program, or says what to install.
func installed(path, pkg string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s is missing: install Debian's %s (e2e/servers/install)", path, pkg)
	}
	return nil
}

// fetched copies an unpacked server from the cache to where every user can reach it: the cache may lie in a private home.
func fetched(name, dir string) (string, error) {
	cache := os.Getenv("PATCHBAY_TEST_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(home, ".cache", "patchbay-test")
	}
	from := filepath.Join(cache, name)
	if _, err := os.Stat(from); err != nil {
		return "", fmt.Errorf("%s is missing: run e2e/servers/fetch", from)
	}
	to := filepath.Join(dir, "program")
	if out, err := exec.Command("cp", "-a", "--reflink=auto", from, to).CombinedOutput(); err != nil {
		return "", fmt.Errorf("copy %s: %w: %s", from, err, out)
	}
	return to, nil
}
