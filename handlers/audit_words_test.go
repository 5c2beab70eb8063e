package handlers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// actionPattern is how actions are written: what is acted on, and the deed.
var actionPattern = regexp.MustCompile(`^(access|admin|audit|cell|connection|group|key|node|project|provider|query|result|session|settings|setup|ssh_key|token|user)\.[a-z_]+$`)

// actionsIn are the actions that the sources write, with the place of each.
func actionsIn(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources in %s: %v", folder, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") || path == "../handlers/audit_words.go" {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil && actionPattern.MatchString(text) {
						found[text] = set.Position(lit.Pos()).String()
					}
				}
				return true
			})
		}
	}
	return found
}

// Every act reads as plain words in the audit log, and no words are for an act that there is not.
func TestEveryActHasWords(t *testing.T) {
	found := actionsIn(t, "auth", "cli", "handlers", "notebook", "query", "refresh", "store", "workspace")
	if len(found) < 60 {
		t.Fatalf("only %d acts are found: has the way they are written changed?", len(found))
	}
	said := map[string]bool{}
	for _, a := range auditActions {
		said[a.Value] = true
		if found[a.Value] == "" {
			t.Errorf("there are words for %s, which no act is", a.Value)
		}
	}
	for action, where := range found {
		if !said[action] {
			t.Errorf("%s (%s) has no words", action, where)
		}
	}
}
