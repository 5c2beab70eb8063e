package static_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"patchbay/static"
)

var names = []string{"app.css", "app.js", "notebook.js", "icons.svg", "logos.svg", "mark.svg", "inter-latin.woff2", "mono-latin.woff2"}

func get(path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/static/x", nil)
	r.URL.Path = path
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	static.Handler().ServeHTTP(w, r)
	return w
}

func TestFilesAreKeptForEverUnderANameWithTheirHash(t *testing.T) {
	hashed := regexp.MustCompile(`^/static/[a-z-]+\.[A-Z0-9]{8}\.(css|js|svg|woff2)$`)
	for _, name := range names {
		path := static.Path(name)
		if !hashed.MatchString(path) {
			t.Errorf("%s has the address %s", name, path)
		}
		w := get(path, "")
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if got := w.Header().Get("Content-Type"); got == "" || strings.Contains(got, "octet-stream") {
			t.Errorf("%s: Content-Type %q", path, got)
		}
	}
}

func TestTwinsHoldTheSameBytes(t *testing.T) {
	for _, name := range []string{"app.css", "app.js", "notebook.js", "icons.svg"} {
		plain := get(static.Path(name), "").Body.Bytes()
		zipped := get(static.Path(name), "deflate, gzip")
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%s: headers %v", name, zipped.Header())
		}
		unzip, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name+" in gzip", unzip, plain)
		brot := get(static.Path(name), "gzip, br")
		if brot.Header().Get("Content-Encoding") != "br" || brot.Body.Len() >= len(plain)/2 {
			t.Errorf("%s: %q, %d of %d bytes", name, brot.Header().Get("Content-Encoding"), brot.Body.Len(), len(plain))
		}
		same(t, name+" in br", brotli.NewReader(brot.Body), plain)
	}
}

func same(t *testing.T, what string, r io.Reader, want []byte) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, want %d: %v", what, len(got), len(want), err)
	}
}

func TestACodingThatTheBrowserRefusesIsNotSent(t *testing.T) {
	for accept, want := range map[string]string{"br;q=0, gzip": "gzip", "gzip;q=0": "", "": "", "identity": "", "br;q=0.5": "br"} {
		if got := get(static.Path("app.css"), accept).Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: sent %q, want %q", accept, got, want)
		}
	}
}

// P22: no path from a request reaches the file system, and nothing but the bundle's own files is served.
func TestOnlyFilesOfTheBundleAreServed(t *testing.T) {
	for _, path := range []string{
		"/static/", "/static", "/static/dist", "/static/app.css", "/static/../static.go", "/static/..%2fstatic.go", "/static/../../go.mod",
		"/static//etc/passwd", "/static/....//go.mod", `/static/..\go.mod`, "/static/%2e%2e/go.mod", "/static/dist/../static.go",
		static.Path("app.css") + "/", static.Path("app.css") + "/..", static.Path("app.css") + ".gz", static.Path("app.css") + "\x00", "/static/./" + static.Path("app.css")[8:],
	} {
		if w := get(path, ""); w.Code != http.StatusNotFound {
			t.Errorf("%q: status %d", path, w.Code)
		}
	}
}

func TestAskingForAFileThatIsNotThereIsAMistakeOfOurs(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Path of an unknown name gave an address")
		}
	}()
	static.Path("nope.css")
}
