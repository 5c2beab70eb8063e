package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// makeSprites makes icons.svg from the names in icons.txt (Lucide), and logos.svg from logos.txt: a line there is a connector's
// type and the name of its mark in simple-icons, or "=" and the letters that stand in for a mark it lacks.
func makeSprites(src string) (map[string][]byte, error) {
	icons, err := os.ReadFile(filepath.Join(src, "icons.txt"))
	if err != nil {
		return nil, fmt.Errorf("read the list of icons: %w", err)
	}
	logos, err := os.ReadFile(filepath.Join(src, "logos.txt"))
	if err != nil {
		return nil, fmt.Errorf("read the list of logos: %w", err)
	}
	var iconSprite, logoSprite sprite
	for name := range strings.FieldsSeq(string(icons)) {
		if err := iconSprite.addFile(name, filepath.Join(src, "node_modules", "lucide-static", "icons", name+".svg")); err != nil {
			return nil, err
		}
	}
	for line := range strings.Lines(string(logos)) {
		id, mark, _ := strings.Cut(strings.TrimSpace(line), " ")
		if letters, ok := strings.CutPrefix(mark, "="); ok {
			logoSprite.add(id, `<text x="12" y="17">`+letters+`</text>`)
			continue
		}
		if err := logoSprite.addFile(id, filepath.Join(src, "node_modules", "simple-icons", "icons", mark+".svg")); err != nil {
			return nil, err
		}
	}
	return map[string][]byte{"icons.svg": iconSprite.bytes(), "logos.svg": logoSprite.bytes()}, nil
}

// A sprite is one SVG file of many pictures, each with a name.
type sprite struct{ symbols strings.Builder }

var (
	svgBody = regexp.MustCompile(`(?s)<svg[^>]*>(.*)</svg>`)
	noise   = regexp.MustCompile(`(?s)<title>.*?</title>|\n\s*`)
)

func (s *sprite) addFile(id, path string) error {
	svg, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read picture of %s: %w", id, err)
	}
	body := svgBody.FindSubmatch(svg)
	if body == nil {
		return fmt.Errorf("picture of %s is not an SVG file", id)
	}
	s.add(id, string(noise.ReplaceAll(body[1], nil)))
	return nil
}

func (s *sprite) add(id, body string) {
	fmt.Fprintf(&s.symbols, `<symbol id="%s" viewBox="0 0 24 24">%s</symbol>`, id, body)
}

func (s *sprite) bytes() []byte {
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg">` + s.symbols.String() + "</svg>\n")
}

// spritePlugin lets scripts import "sprite:icons.svg", which gives its address under /static.
func spritePlugin(sprites map[string][]byte) api.Plugin {
	return api.Plugin{Name: "sprites", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: `^sprite:`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
			return api.OnResolveResult{Path: strings.TrimPrefix(args.Path, "sprite:"), Namespace: "sprite"}, nil
		})
		build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: "sprite"}, func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			body, ok := sprites[args.Path]
			if !ok {
				return api.OnLoadResult{}, fmt.Errorf("no sprite %s", args.Path)
			}
			text := string(body)
			return api.OnLoadResult{Contents: &text, Loader: api.LoaderFile}, nil
		})
	}}
}
