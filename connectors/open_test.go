package connectors

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/connectors/transport"
	"patchbay/secret"
)

// A lineServer is a small database of its own: after TLS it takes a line with user and password, then answers each line.
type lineServer struct {
	addr netip.AddrPort
	ca   string
}

func startLineServer(t *testing.T, answer func(line string) string) *lineServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Line CA"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveLines(c, config, answer)
		}
	}()
	return &lineServer{addr: netip.MustParseAddrPort(l.Addr().String()), ca: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// serveLines speaks TLS to who begins with it (a handshake's first byte is 22), and plain text to others.
func serveLines(c net.Conn, config *tls.Config, answer func(string) string) {
	defer c.Close()
	in := bufio.NewReader(c)
	var out io.Writer = c
	if first, err := in.Peek(1); err == nil && first[0] == 22 {
		secure := tls.Server(peeked{c, in}, config)
		in, out = bufio.NewReader(secure), secure
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		switch reply := answer(lines.Text()); reply {
		case "":
			time.Sleep(time.Minute)
		default:
			if _, err := fmt.Fprintln(out, reply); err != nil {
				return
			}
		}
	}
}

type peeked struct {
	net.Conn
	in *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.in.Read(b) }

// A lineSource is the driver of a lineServer.
type lineSource struct {
	conn net.Conn
	in   *bufio.Reader
}

func (s *lineSource) ask(line string) (string, error) {
	if _, err := fmt.Fprintln(s.conn, line); err != nil {
		return "", err
	}
	reply, err := s.in.ReadString('\n')
	if why, refused := strings.CutPrefix(reply, "NO "); refused {
		return "", &Error{Cause: CauseSignIn, Message: strings.TrimSpace(why)}
	}
	return strings.TrimSpace(reply), err
}

func (s *lineSource) Server(context.Context) (Server, error) {
	version, err := s.ask("VERSION")
	return Server{Product: "Linebase", Version: version, Warnings: []string{"The user may do everything"}}, err
}
func (s *lineSource) ReadCatalog(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
	_, err := s.ask("TABLES")
	return errors.Join(err, to.Table(catalog.Table{Path: catalog.Path{"t"}}), to.Done(nil))
}
func (s *lineSource) Query(context.Context, Statement) (Rows, error) {
	return &badRows{do: func() error { _, err := s.ask("NEXT"); return err }}, nil
}
func (s *lineSource) Close() error { return s.conn.Close() }

func lineConnector() *Connector {
	c := sample()
	c.Open = func(ctx context.Context, t Target) (Source, error) {
		raw, err := t.Dial(ctx, "tcp", net.JoinHostPort(t.Values["host"], t.Values["port"]))
		if err != nil {
			return nil, err
		}
		conn := raw
		if t.TLS != nil && t.Values["slow"] != "true" { // slow is the driver that forgets to encrypt
			conn = tls.Client(raw, t.TLS)
		}
		s := &lineSource{conn, bufio.NewReader(conn)}
		if _, err := s.ask(t.Values["user"] + " " + t.Secrets["password"].Reveal()); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		transport.Established(conn)
		return s, nil
	}
	return c
}

// kind answers well to everything but a wrong password.
func kind(line string) string {
	switch {
	case line == "VERSION":
		return "1.2"
	case strings.HasPrefix(line, "me ") && line != "me "+canary:
		return "NO wrong password: " + line
	}
	return "OK"
}

func (s *lineServer) request(c *Connector, change Values) Request {
	v := Values{"host": "localhost", "port": fmt.Sprint(s.addr.Port()), "user": "me", "tls_ca": s.ca}
	maps.Copy(v, change)
	return Request{Connector: c, Values: v, Secrets: Secrets{"password": secret.New(canary)}, AllowPrivate: true}
}

func TestTestSteps(t *testing.T) {
	good := startLineServer(t, kind)
	silent := startLineServer(t, func(string) string { return "" })
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	_ = closed.Close()
	_, closedPort, _ := net.SplitHostPort(closed.Addr().String())
	c := lineConnector()
	r, err := NewRegistry([]*Connector{c}, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")})
	if err != nil {
		t.Fatal(err)
	}
	all := []StepName{StepAddress, StepPort, StepTLS, StepSignIn, StepVersion, StepSchemas}
	for name, x := range map[string]struct {
		change   Values
		password string
		strict   bool
		steps    []StepName
		cause    Cause // of the last step; empty: it went well
		detail   string
	}{
		"good":            {nil, canary, false, all, "", "1 table"},
		"no such host":    {Values{"host": "nosuch.invalid"}, canary, false, all[:1], CauseAddress, "there is no host of the name nosuch.invalid"},
		"refused address": {nil, canary, true, all[:2], CauseRefusedPolicy, "is a loopback address"},
		"our own address": {Values{"port": "9"}, canary, false, all[:2], CauseRefusedPolicy, "is this program's own address"},
		"closed port":     {Values{"port": closedPort}, canary, false, all[:2], CauseUnreachable, "refused the connection"},
		"wrong name":      {Values{"tls_server_name": "db.example.com"}, canary, false, all[:3], CauseTLS, "the certificate is for localhost, not for db.example.com"},
		"unknown CA":      {Values{"tls_ca": ""}, canary, false, all[:3], CauseTLS, "an authority that is not trusted here: CN=Line CA"},
		"wrong password":  {nil, "hunter22", false, all[:4], CauseSignIn, "wrong password: me [secret]"},
		"without TLS":     {Values{"tls_mode": "disable"}, canary, false, slices.DeleteFunc(slices.Clone(all), func(s StepName) bool { return s == StepTLS }), "", "1 table"},
		"never encrypted": {Values{"slow": "true"}, canary, false, all[:3], CauseTLS, "without TLS, which this connection requires"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := good.request(c, x.change)
			req.AllowPrivate, req.Secrets = !x.strict, Secrets{"password": secret.New(x.password)}
			var streamed []StepName
			req.Step = func(s Step) { streamed = append(streamed, s.Name) }
			report := r.Test(t.Context(), req)
			if !slices.Equal(streamed, x.steps) || len(report.Steps) != len(streamed) {
				t.Fatalf("steps %v, want %v: %+v", streamed, x.steps, report.Steps)
			}
			last := report.Steps[len(report.Steps)-1]
			if report.OK != (x.cause == "") || last.OK != report.OK || !strings.Contains(last.Detail, x.detail) {
				t.Errorf("OK %v, %+v, want %q", report.OK, last, x.detail)
			}
			if !last.OK && (last.Err.Cause != x.cause || last.Hint == "") {
				t.Errorf("cause %s, hint %q, want %s", last.Err.Cause, last.Hint, x.cause)
			}
			if x.cause == "" {
				facts := fmt.Sprint(report.Steps)
				if !strings.Contains(facts, "Linebase 1.2. The user may do everything") || !strings.Contains(facts, "as me") ||
					x.change == nil && !strings.Contains(facts, "TLS 1.3, certificate of localhost by Line CA") {
					t.Errorf("facts %s", facts)
				}
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, context.Canceled)
		defer cancel()
		began := time.Now()
		report := r.Test(ctx, silent.request(c, nil))
		last := report.Steps[len(report.Steps)-1]
		if report.OK || last.Name != StepSignIn || last.Err.Cause != CauseCancelled || time.Since(began) > 1200*time.Millisecond {
			t.Errorf("%+v after %v", last, time.Since(began))
		}
	})
}

// A Next that waits on a server which has fallen silent ends with its ctx though the driver does not listen.
func TestOpenCuts(t *testing.T) {
	s := startLineServer(t, func(line string) string {
		if line == "NEXT" {
			return ""
		}
		return kind(line)
	})
	c := lineConnector()
	r, err := NewRegistry([]*Connector{c}, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := r.Open(t.Context(), s.request(c, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	rows, err := src.Query(ctx, Statement{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if rows.Next() || CauseOf(rows.Err()) != CauseTimeout || time.Since(began) > 1100*time.Millisecond {
		t.Errorf("%v after %v", rows.Err(), time.Since(began))
	}
}
