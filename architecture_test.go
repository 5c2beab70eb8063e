package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of packages in ARCHITECTURE.md is compared with what the code really imports: a package that is missing there,
// or an arrow that the table does not allow, fails.

type goPackage struct {
	ImportPath string
	Imports    []string
	Dir        string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Dir", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// allowed reads the table's rows: | `package` | sentence | may import |.
func allowed(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z/0-9.]+)` \\|[^|]*\\| ([^|]*) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) < 15 {
		t.Fatalf("found %d rows in the table of packages: has its shape changed?", len(rows))
	}
	table := map[string][]string{}
	for _, row := range rows {
		table[row[1]] = strings.Split(row[2], ", ")
	}
	return table
}

func TestImportsFollowTheTable(t *testing.T) {
	table := allowed(t)
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "patchbay"), "/")
		if name == "" {
			name = "main.go"
		}
		may, ok := table[name]
		if !ok {
			t.Errorf("package %s is not in ARCHITECTURE.md", name)
			continue
		}
		for _, imp := range p.Imports {
			of, ours := strings.CutPrefix(imp, "patchbay/")
			if ours && !slices.Contains(may, "all") && !slices.Contains(may, of) {
				t.Errorf("%s imports %s, which the table does not allow", name, of)
			}
		}
		delete(table, name)
	}
	for name := range table {
		t.Errorf("ARCHITECTURE.md names package %s, which does not exist", name)
	}
}

// Only transport may open network connections, and nothing starts a program or loads a plug-in (P5, P22, P23).
func TestDangerousImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "patchbay/")
		tool := strings.HasPrefix(name, "e2e") || name == "static/build" || name == "connectors/conformance"
		for _, imp := range p.Imports {
			if (imp == "os/exec" || imp == "plugin") && !tool {
				t.Errorf("%s imports %s", name, imp)
			}
		}
		if tool || name == "connectors/transport" {
			continue
		}
		refuseDialling(t, p.Dir)
	}
}

var dialling = regexp.MustCompile(`\bnet\.Dial|\bnet\.Dialer\b|http\.DefaultClient|http\.Get\(|http\.Post\(|tls\.Dial`)

func refuseDialling(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if found := dialling.Find(src); found != nil {
			t.Errorf("%s/%s has %s: every outgoing byte goes through connectors/transport", dir, f.Name(), found)
		}
	}
}
