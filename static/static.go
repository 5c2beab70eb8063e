// Package static holds what browsers load: styles, scripts, fonts and pictures. Everything is built from static/src into
// static/dist by static/build and compiled in; no path from a request reaches the file system (P22). A file's name holds the
// hash of its content, so it is kept by browsers for ever.
package static

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed dist
var dist embed.FS

// A file is one address under /static/ with its compressed twins.
type file struct {
	contentType string
	plain       []byte
	twins       map[string][]byte // by content coding: "br", "gzip"
}

var files, paths = load()

// load reads the bundle: what each address serves, and the address of each file without a hash ("app.css").
func load() (map[string]*file, map[string]string) {
	files, paths := map[string]*file{}, map[string]string{}
	entries, err := fs.ReadDir(dist, "dist")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	for _, e := range entries {
		body, err := dist.ReadFile("dist/" + e.Name())
		if err != nil {
			panic(err)
		}
		name, coding := splitCoding(e.Name())
		f := files[name]
		if f == nil {
			f = &file{contentType: contentTypes[path.Ext(name)], twins: map[string][]byte{}}
			files[name] = f
		}
		if coding == "" {
			f.plain = body
			paths[withoutHash(name)] = "/static/" + name
		} else {
			f.twins[coding] = body
		}
	}
	return files, paths
}

func splitCoding(name string) (string, string) {
	if base, ok := strings.CutSuffix(name, ".br"); ok {
		return base, "br"
	}
	if base, ok := strings.CutSuffix(name, ".gz"); ok {
		return base, "gzip"
	}
	return name, ""
}

// withoutHash turns app.COVZ4EC3.css into app.css.
func withoutHash(name string) string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	return strings.TrimSuffix(stem, path.Ext(stem)) + ext
}

var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".woff2": "font/woff2",
}

// Path is the address of a file of the bundle, by its name without the hash: Path("app.css"). It panics for a name that is not
// in the bundle, since only templates of ours ask.
func Path(name string) string {
	p, ok := paths[name]
	if !ok {
		panic("static: no file " + name)
	}
	return p
}

// Handler serves /static/: each file with its type, kept for ever, in the smallest coding that the browser takes.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[strings.TrimPrefix(r.URL.Path, "/static/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		body := f.plain
		if len(f.twins) > 0 {
			h.Set("Vary", "Accept-Encoding")
			if coding := f.best(r.Header.Get("Accept-Encoding")); coding != "" {
				h.Set("Content-Encoding", coding)
				body = f.twins[coding]
			}
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(body) // a browser that went away needs no answer
		}
	})
}

// best is the first coding of ours that the browser accepts; "br;q=0" is a refusal.
func (f *file) best(accept string) string {
	for _, coding := range []string{"br", "gzip"} {
		if f.twins[coding] != nil && accepts(accept, coding) {
			return coding
		}
	}
	return ""
}

func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(q), "q="), 64)
		return err != nil || weight > 0
	}
	return false
}
