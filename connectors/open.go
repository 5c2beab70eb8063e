package connectors

import (
	"context"
	"crypto/tls"
	"maps"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"patchbay/connectors/transport"
)

// A Request is one connection to open.
type Request struct {
	Connector    *Connector
	Values       Values
	Secrets      Secrets
	AllowPrivate bool     // loopback and private addresses may be dialled
	FilesDir     string   // the folder where the files of embedded products lie; empty: there are none
	Forbidden    []string // files and folders that no connection may open (PROMISES P7)
	WorkspaceKey ssh.Signer
	// PinHostKey keeps the key that an SSH host shows while the connection has none, and is called before anything is sent to
	// it. Nil: a host whose key is not known is refused, except by Test, which reports it.
	PinHostKey func(hostKey string) error
	Step       func(Step) // Test calls it as each step ends; may be nil
	Silence    Silence
}

// Open reaches the server and signs in. The source is guarded: it returns by ctx's deadline, its errors are *Error without
// secrets, and Close ends all that was opened for it. Secrets go nowhere before the TLS mode and the SSH host key are satisfied.
func (r *Registry) Open(ctx context.Context, req Request) (Source, error) {
	src, err := r.open(ctx, req, func(StepName, string) {})
	if err != nil {
		return nil, err
	}
	return src, nil
}

// stepOf are the steps that the stages of transport are shown as.
var stepOf = map[transport.Stage]StepName{
	transport.StageLookup: StepAddress, transport.StageSSHConnect: StepSSH, transport.StageSSHHostKey: StepSSHHostKey,
	transport.StageSSHSignIn: StepSSHSignIn, transport.StageConnect: StepPort,
}

// open opens the source and tells reached of each step that went well.
func (r *Registry) open(ctx context.Context, req Request, reached func(StepName, string)) (*guarded, error) {
	g := &guard{connector: req.Connector, redactor: newRedactor(req.Secrets), silence: req.Silence}
	if g.silence == (Silence{}) {
		g.silence = defaultSilence
	}
	g.dialer = transport.NewDialer(transport.Policy{AllowPrivate: req.AllowPrivate, Own: r.own},
		func(stage transport.Stage, detail string) { reached(stepOf[stage], detail) })
	encrypted := new(atomic.Bool)
	var err error
	g.target, err = g.targetOf(req, encrypted, reached)
	if err != nil {
		return nil, g.explain(ctx, "prepare the connection", err)
	}
	src, err := bounded(ctx, g, "connect", func() (Source, error) { return req.Connector.Open(ctx, g.target) }, closeLate)
	if err == nil && g.target.TLS != nil && !encrypted.Load() {
		closeLate(src)
		err = &Error{Cause: CauseTLS, Op: "connect", Message: "the server was reached without TLS, which this connection requires"}
	}
	if err != nil {
		g.close()
		return nil, err
	}
	return &guarded{guard: g, inner: src}, nil
}

// closeLate closes a source that nobody waits for any more.
func closeLate(src Source) { _ = src.Close() }

// targetOf is what the family gets.
func (g *guard) targetOf(req Request, encrypted *atomic.Bool, reached func(StepName, string)) (Target, error) {
	c := req.Connector
	v := c.effective(req.Values)
	t := Target{Values: v, Secrets: maps.Clone(req.Secrets), Step: func(s Step) {
		if s.OK {
			reached(s.Name, s.Detail)
		}
	}}
	if c.embedded() {
		t.OpenFile = func(name string) (string, error) {
			path, detail, err := openFile(req.FilesDir, req.Forbidden, name)
			if err == nil {
				reached(StepFile, detail)
			}
			return path, err
		}
		return t, nil
	}
	settings := c.tlsOf(v, req.Secrets)
	var err error
	t.TLS, err = settings.Config(func(state tls.ConnectionState) {
		encrypted.Store(true)
		reached(StepTLS, transport.DescribeTLS(state, settings.Mode, time.Now()))
	})
	if err != nil {
		return t, err
	}
	t.Dial = g.waits.Over(g.dialer.Dial)
	hop, err := c.hopOf(v, req.Secrets, req.WorkspaceKey)
	if err != nil {
		return t, err
	}
	if hop != nil {
		hop.Pin = req.PinHostKey
		g.tunnel = transport.NewTunnel(*hop, g.dialer)
		t.Dial = g.waits.Over(g.tunnel.Dial)
	}
	return t, nil
}

// embedded says whether the product is a file that is opened inside this process.
func (c *Connector) embedded() bool { return c.TLS == TLSNone && !c.Tunnel }
