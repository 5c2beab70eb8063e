package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/evanw/esbuild/pkg/api"
)

// distDir holds nothing but what bundle makes.
const distDir = "static/dist"

// bundle makes every output, by its path below the top folder. The same sources always make the same bytes.
func bundle(root string) (map[string][]byte, error) {
	src, err := filepath.Abs(filepath.Join(root, "static", "src"))
	if err != nil {
		return nil, err
	}
	sprites, err := makeSprites(src)
	if err != nil {
		return nil, err
	}
	if err := makeFonts(src); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	// Scripts of all pages and of notebooks are built apart: sharing parts would cost every page more requests.
	for _, entries := range [][]string{{"css/app.css", "js/app.js", "sprites.js"}, {"js/notebook.js"}} {
		if err := build(files, options(src, sprites, entries)); err != nil {
			return nil, err
		}
	}
	axe, err := os.ReadFile(filepath.Join(src, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return nil, fmt.Errorf("read axe: %w", err)
	}
	files["e2e/testdata/axe.min.js"] = axe
	return files, nil
}

// makeFonts writes the subset fonts that css/fonts.css names.
func makeFonts(src string) error {
	cmd := exec.Command("node", "fonts.js", filepath.Join("node_modules", ".fonts"))
	cmd.Dir = src
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make fonts: %w\n%s", err, out)
	}
	return nil
}

// build adds what esbuild makes of o to files.
func build(files map[string][]byte, o api.BuildOptions) error {
	result := api.Build(o)
	if len(result.Errors) > 0 {
		return errors.New(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	for _, f := range result.OutputFiles {
		name := filepath.Base(f.Path)
		if !served(name) {
			continue
		}
		if err := addTwins(files, distDir+"/"+name, f.Contents); err != nil {
			return err
		}
	}
	return nil
}

func options(src string, sprites map[string][]byte, entries []string) api.BuildOptions {
	return api.BuildOptions{
		AbsWorkingDir: src,
		EntryPoints:   entries,
		Outdir:        "dist",
		EntryNames:    "[name].[hash]",
		ChunkNames:    "part.[hash]",
		AssetNames:    "[name].[hash]",
		PublicPath:    "/static",
		Bundle:        true,
		Splitting:     true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone, // NOTICE holds them
		Loader:        map[string]api.Loader{".woff2": api.LoaderFile, ".svg": api.LoaderFile},
		Plugins:       []api.Plugin{spritePlugin(sprites), completionPlugin},

		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
	}
}

// completionPlugin keeps completion out of what an editor loads first. The SQL grammar imports it for sources of its own, which
// are not used and not built in, but the import alone would put all of it into the part that both share.
var completionPlugin = api.Plugin{Name: "completion", Setup: func(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: `^@codemirror/autocomplete$`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		if !strings.Contains(filepath.ToSlash(args.Importer), "/@codemirror/lang-sql/") {
			return api.OnResolveResult{}, nil
		}
		return api.OnResolveResult{Path: args.Path, Namespace: "unused", SideEffects: api.SideEffectsFalse}, nil
	})
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "unused"}, func(api.OnLoadArgs) (api.OnLoadResult, error) {
		none := `export const completeFromList = () => { throw new Error("completion of its own is not built in"); }, ifNotIn = completeFromList;`
		return api.OnLoadResult{Contents: &none, Loader: api.LoaderJS}, nil
	})
}}

// served says whether an output of esbuild goes to browsers. The entry that only names the sprites does not.
func served(name string) bool { return !strings.HasPrefix(name, "sprites.") }

// addTwins adds a file and, where they are smaller, its compressed twins.
func addTwins(files map[string][]byte, name string, body []byte) error {
	files[name] = body
	var gz, br bytes.Buffer
	zip, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	if err != nil {
		return err
	}
	brot := brotli.NewWriterLevel(&br, brotli.BestCompression)
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{zip, brot} {
		if _, err := w.Write(body); err != nil {
			return fmt.Errorf("compress %s: %w", name, err)
		}
		if err := w.Close(); err != nil {
			return fmt.Errorf("compress %s: %w", name, err)
		}
	}
	for suffix, twin := range map[string][]byte{".gz": gz.Bytes(), ".br": br.Bytes()} {
		if len(twin) < len(body)*9/10 {
			files[name+suffix] = twin
		}
	}
	return nil
}

// write replaces the committed bundle by files.
func write(root string, files map[string][]byte) error {
	old, err := filepath.Glob(filepath.Join(root, distDir, "*"))
	if err != nil {
		return err
	}
	for name, body := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return err
		}
	}
	for _, path := range old {
		if _, kept := files[distDir+"/"+filepath.Base(path)]; !kept {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare names every committed file that differs from files, is missing, or is left over.
func compare(root string, files map[string][]byte) ([]string, error) {
	var stale []string
	for name, body := range files {
		have, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(have, body) {
			stale = append(stale, name)
		}
	}
	committed, err := filepath.Glob(filepath.Join(root, distDir, "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range committed {
		if name := distDir + "/" + filepath.Base(path); files[name] == nil {
			stale = append(stale, name)
		}
	}
	sort.Strings(stale)
	return stale, nil
}
