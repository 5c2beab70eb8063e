package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"patchbay/e2e/servers"
)

// A result of a million rows is run, scrolled to its end and exported with the server below 400 MB.
func TestMillionRows(t *testing.T) {
	server := servers.Postgres(t, servers.Options{Name: "e2e million"})
	p, tab := withAdmin(t)
	tab.Go(p.url + "/settings/new-connection/postgres")
	fillPostgres(tab, server, "Warehouse", server.Password)
	tab.Press("Create connection")
	tab.Want("document.querySelector('#live')?.innerText.includes('Connected')", true)
	token := p.token()
	connection := p.first(token, "/api/v1/connections")
	if status, body := p.api(token, "POST", "/api/v1/projects", `{"name":"Million"}`); status != 201 {
		t.Fatalf("making a project: %d %s", status, body)
	}
	project := p.first(token, "/api/v1/projects")
	if status, body := p.api(token, "PUT", "/api/v1/projects/"+project+"/connections/"+connection, ""); status != 204 {
		t.Fatalf("importing: %d %s", status, body)
	}
	cell := `{"kind":"sql","connection_id":"` + connection + `","source":"select i, 'row ' || i as name, i * 1.5 as amount, md5(i::text) as digest, i % 2 = 0 as even from generate_series(1, 1000000) i"}`
	if status, body := p.api(token, "POST", "/api/v1/projects/"+project+"/cells", cell); status != 201 {
		t.Fatalf("adding a cell: %d %s", status, body)
	}
	tab.Go(p.url + "/projects/" + project)
	tab.Press("Run all")
	tab.Want("document.querySelector('[role=grid]')?.ariaRowCount", "1000001")
	tab.Eval("((g) => { g.scrollTop = g.scrollHeight; return 1; })(document.querySelector('.grid'))")
	tab.Want("[...document.querySelectorAll('.grid-row')].some((r) => r.textContent.includes('row 1000000'))", true)
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/api/v1/projects/"+project+"/cells/"+p.first(token, "/api/v1/projects/"+project+"/cells")+"/result", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "text/csv")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	lines := 0
	for in := bufio.NewReader(answer.Body); ; lines++ {
		if _, err := in.ReadSlice('\n'); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if lines != 1_000_001 {
		t.Errorf("the export has %d lines", lines)
	}
	if peak := p.peakMemory(); peak > 400 {
		t.Errorf("the server took %d MB at its peak", peak)
	} else {
		t.Logf("the server took %d MB at its peak", peak)
	}
}

// peakMemory is the most memory that the server ever had, in MB (proc(5): VmHWM).
func (p *product) peakMemory() int {
	p.t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.process.Process.Pid) + "/status")
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return kilobytes / 1024
}
