//go:build mutate

package handlers

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A mutant is a source without one of its checks.
type mutant struct {
	file, what string
	from, to   int
	with       string
}

// checksIn are mutants of a file: of each check that ends a sign-in with one of the causes, once without each part of its condition.
func checksIn(t *testing.T, file string, causes *regexp.Regexp) (out []mutant) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := func(p token.Pos) int { return set.Position(p).Offset }
	var inside string
	var without func(cond ast.Expr)
	without = func(cond ast.Expr) {
		if both, ok := cond.(*ast.BinaryExpr); ok && both.Op == token.LOR {
			without(both.X)
			without(both.Y)
			return
		}
		from, to := at(cond.Pos()), at(cond.End())
		text := string(source[from:to])
		if alike[filepath.Base(file)+" "+inside+" "+text] != "" {
			return
		}
		out = append(out, mutant{file, fmt.Sprintf("%s:%d without %s", filepath.Base(file), set.Position(cond.Pos()).Line, text), from, to, "(false && (" + text + "))"})
	}
	refuses := func(body []ast.Stmt) bool {
		if len(body) == 0 {
			return false
		}
		last, ok := body[len(body)-1].(*ast.ReturnStmt)
		return ok && causes.Match(source[at(last.Pos()):at(last.End())])
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			inside = n.Name.Name
		case *ast.IfStmt:
			if refuses(n.Body.List) {
				without(n.Cond)
			}
		case *ast.CaseClause:
			if len(n.List) == 1 && refuses(n.Body) {
				without(n.List[0])
			}
		}
		return true
	})
	return out
}

// replaced is a mutant with another text in the place of one that stands in the file once.
func replaced(t *testing.T, file, text, with string) mutant {
	source, err := os.ReadFile(file)
	if err != nil || strings.Count(string(source), text) != 1 {
		t.Fatalf("%s does not hold %q once: %v", file, text, err)
	}
	from := strings.Index(string(source), text)
	return mutant{file, filepath.Base(file) + " with " + with, from, from + len(text), with}
}

// alike are checks without which the sign-in ends all the same, at the next one.
var alike = map[string]string{
	"oidc_flow.go beginFlow err != nil": "a page asks for a fresh proof of someone who is signed in; without a session it begins an ordinary sign-in",
	"oidc_flow.go takeFlow !ok":         "no browser holds an empty id, so that the flow is not found",
	"oidc_flow.go takeFlow err != nil":  "what cannot be opened cannot be decoded",
	"oidc_flow.go gather err != nil":    "what go-oidc has decoded can be decoded",
}

// Each check of what a provider answers is there for a test: without it one fails (P35). It takes minutes, so it runs by "make mutate".
func TestMutants(t *testing.T) {
	causes := regexp.MustCompile(`failed\(p, Cause(Untrusted|Flow|NotAgain|NoAuthTime|Denied)`)
	flow, person := "../auth/oidc_flow.go", "../auth/oidc_person.go"
	all := append(checksIn(t, flow, causes), checksIn(t, person, causes)...)
	if len(all) < 20 {
		t.Fatalf("only %d checks are found: has the way they are written changed?", len(all))
	}
	const config = "&oidc.Config{ClientID: p.ClientID,"
	all = append(all, replaced(t, flow, config, "&oidc.Config{SkipClientIDCheck: true,"), replaced(t, flow, config, config+" SkipExpiryCheck: true,"),
		replaced(t, flow, config, config+" SkipIssuerCheck: true,"), replaced(t, flow, "code, oauth2.VerifierOption(verifier))", "code)"))
	folder := t.TempDir()
	for i, m := range all {
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		original, err := filepath.Abs(m.file)
		if err != nil {
			t.Fatal(err)
		}
		changed, overlay := filepath.Join(folder, fmt.Sprint(i, ".go")), filepath.Join(folder, fmt.Sprint(i, ".json"))
		text, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(changed, []byte(string(source[:m.from])+m.with+string(source[m.to:])), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(overlay, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "test", "-overlay", overlay, "-failfast", "-vet=off", "-run", "Hostile|Exchange|Flows|Identity|UserInfo|Silent|Overlooks|FreshProof|ProviderIsDown|Tenant|BothProviders", ".").CombinedOutput()
		switch {
		case err == nil:
			t.Errorf("%s: no test fails", m.what)
		case !strings.Contains(string(out), "--- FAIL"):
			t.Errorf("%s: %.500s", m.what, out)
		default:
			t.Logf("%s: a test fails", m.what)
		}
	}
}
