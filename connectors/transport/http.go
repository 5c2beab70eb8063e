package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// An HTTPClient's limits: what one answer may take and weigh.
const (
	httpTime      = 10 * time.Second
	handshakeTime = 5 * time.Second
	maxRedirects  = 3
	maxAnswer     = 1 << 20
)

// A TooLargeError is an answer that was broken off because it is too large.
type TooLargeError struct{ Host string }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the answer of %s is larger than %d MB", e.Host, maxAnswer>>20)
}

// HTTPClient is a client for services that people name: each connection passes the policy, redirects too, an answer takes at
// most ten seconds and holds at most 1 MB, TLS is at least 1.2, a redirect never leaves TLS, and no proxy of the environment is
// asked.
func HTTPClient(policy Policy) *http.Client {
	dialer := NewDialer(policy, nil)
	plain := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.Dial(ctx, network, addr)
			if err == nil {
				Established(c) // from here on the client's own deadlines hold
			}
			return c, err
		},
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: handshakeTime, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, ResponseHeaderTimeout: httpTime, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{Transport: limited{plain}, Timeout: httpTime, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxRedirects:
			return errors.New("too many redirects")
		case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
			return errors.New("a redirect leaves https")
		}
		return nil
	}}
}

// limited bounds what answers hold.
type limited struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := l.next.RoundTrip(r)
	if err == nil {
		answer.Body = &limitedBody{answer.Body, maxAnswer, r.URL.Host}
	}
	return answer, err
}

type limitedBody struct {
	io.ReadCloser
	left int64
	host string
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &TooLargeError{b.host}
	}
	return n, err
}
