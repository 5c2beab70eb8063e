package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"patchbay/connectors/transport"
)

// Bounds of one delivery.
const (
	deliverTime = 15 * time.Second
	maxAnswer   = 64 << 10
	maxURL      = 2000
)

// client posts and follows no redirect: where one leads is nothing that an Admin entered.
func client(guarded *http.Client) *http.Client {
	c := *guarded
	c.Timeout = deliverTime
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// ParseURL checks the address of a webhook and says which host it is shown as. Without TLS only this machine and private addresses
// are told anything. Its errors are for the one who typed the address and do not repeat it.
func ParseURL(text string) (host string, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || len(text) > maxURL:
		return "", Words("Enter a URL such as https://hooks.example.com/patchbay")
	case u.User != nil:
		return "", Words("Leave the user and password out of the URL")
	case u.Fragment != "":
		return "", Words("Leave out what follows #")
	case u.Scheme == "https", u.Scheme == "http" && nearby(u.Hostname()):
		return u.Host, nil
	case u.Scheme == "http":
		return "", Words("Use https: without it, anybody between here and there can read what is sent")
	}
	return "", Words("Use a URL that begins with https://")
}

// nearby says whether a host is this machine or has a private address.
func nearby(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (ip.Unmap().IsLoopback() || ip.Unmap().IsPrivate())
}

// escapeChat keeps what a source is called from calling people: chat services read <!channel> and <@user> in a text (Slack, Mattermost
// and Google Chat write these three characters so).
var escapeChat = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// post sends a message to a webhook, signed: the header Patchbay-Signature is t=SECONDS,v1=HEX, where HEX is the HMAC-SHA256 with the
// webhook's key over SECONDS, a dot and the body. Any answer of 2xx is a delivery.
func (s *Sender) post(ctx context.Context, client *http.Client, h Hook, m Message) error {
	m.Text = escapeChat.Replace(m.Text)
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return &neverError{"The saved URL cannot be used. Remove the webhook and add it again"}
	}
	seconds := strconv.FormatInt(s.Now().Unix(), 10)
	for name, value := range map[string]string{"Content-Type": "application/json", "User-Agent": "Patchbay", "Patchbay-Event": m.Event,
		"Patchbay-Delivery": m.ID, "Idempotency-Key": m.ID, "Patchbay-Signature": "t=" + seconds + ",v1=" + sign(h.Key, seconds, body)} {
		req.Header.Set(name, value)
	}
	answer, err := client.Do(req)
	if err != nil {
		return plain(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // what it says is of no use
	switch {
	case answer.StatusCode/100 == 2:
		return nil
	case answer.StatusCode/100 == 3:
		return Words(fmt.Sprintf("It answered with a redirect (%d), which is not followed", answer.StatusCode))
	}
	return Words(fmt.Sprintf("It answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
}

func sign(key, seconds string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// plain is why a request failed, without its address, in which services keep their secrets (P14).
func plain(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	var refused *transport.RefusedError
	var lookup *transport.LookupError
	var unreachable *transport.UnreachableError
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused):
		return Words(fmt.Sprintf("It may not be reached: it is %s", refused.Reason))
	case errors.As(err, &lookup):
		return Words("Its name has no address")
	case errors.As(err, &certificate):
		return Words("Its certificate could not be verified")
	case errors.As(err, &timeout) && timeout.Timeout():
		return Words("It did not answer in time")
	case errors.As(err, &unreachable):
		return Words("Nothing answers there")
	}
	return Words("The connection broke before it answered")
}
