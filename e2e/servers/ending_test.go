package servers

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A server is gone soon after the process that started it, even where that was killed.
func TestServerEndsWithItsProcess(t *testing.T) {
	if os.Getenv("SERVERS_START_AND_WAIT") != "" {
		_, err := os.Stdout.WriteString("at " + Postgres(t, Options{}).Address() + "\n")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestServerEndsWithItsProcess$")
	cmd.Env = append(os.Environ(), "SERVERS_START_AND_WAIT=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, err := out.Read(line)
	address, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "at ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line[:n], err)
	}
	if c, err := net.Dial("tcp", address); err != nil {
		t.Error(err)
	} else {
		_ = c.Close()
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still answers")
		}
	}
}
