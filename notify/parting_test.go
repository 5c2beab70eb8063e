package notify

import (
	"bufio"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/store"
)

// A server that takes the letter and hangs up instead of answering QUIT.
func TestMailThatWasTakenIsSentOnce(t *testing.T) {
	d := newDesk(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	d.check(err)
	defer l.Close()
	var mu sync.Mutex
	taken, ids := 0, []string{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				say := func(s string) { _, _ = c.Write([]byte(s + "\r\n")) }
				say("220 hi")
				in := bufio.NewReader(c)
				data := false
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					line = strings.TrimRight(line, "\r\n")
					switch {
					case data && line == ".":
						data = false
						mu.Lock()
						taken++
						mu.Unlock()
						say("250 queued")
					case data:
						if strings.HasPrefix(line, "Message-ID") {
							mu.Lock()
							ids = append(ids, line)
							mu.Unlock()
						}
					case line == "DATA":
						data = true
						say("354 go")
					case line == "QUIT":
						return
					default:
						say("250 ok")
					}
				}
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	p, _ := strconv.Atoi(port)
	d.Mail = Mail{Host: "127.0.0.1", Port: p, From: "patchbay@example.com", TLS: "off"}
	d.target(store.NotificationTarget{ID: "box", Kind: "email", Shown: "data@example.com"})
	d.ends(store.Run{State: "succeeded", Added: 1})
	for range 9 {
		d.SendDue(t.Context())
		d.now = d.now.Add(13 * time.Hour)
	}
	mu.Lock()
	defer mu.Unlock()
	if taken != 1 {
		t.Errorf("the server took the same letter %d times; %q; last: %+v", taken, ids, d.last())
	}
}
