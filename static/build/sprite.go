package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// makeSprites makes icons.svg from the names in icons.txt (Lucide) and logos.svg from those in logos.txt (simple-icons).
func makeSprites(src string) (map[string][]byte, error) {
	sprites := map[string][]byte{}
	for name, folder := range map[string]string{"icons": "lucide-static/icons", "logos": "simple-icons/icons"} {
		list, err := os.ReadFile(filepath.Join(src, name+".txt"))
		if err != nil {
			return nil, fmt.Errorf("read the list of %s: %w", name, err)
		}
		sprite, err := makeSprite(filepath.Join(src, "node_modules", filepath.FromSlash(folder)), strings.Fields(string(list)))
		if err != nil {
			return nil, err
		}
		sprites[name+".svg"] = sprite
	}
	return sprites, nil
}

var (
	svgBody = regexp.MustCompile(`(?s)<svg[^>]*>(.*)</svg>`)
	noise   = regexp.MustCompile(`(?s)<title>.*?</title>|\n\s*`)
)

func makeSprite(folder string, names []string) ([]byte, error) {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
	for _, name := range names {
		svg, err := os.ReadFile(filepath.Join(folder, name+".svg"))
		if err != nil {
			return nil, fmt.Errorf("read picture %s: %w", name, err)
		}
		body := svgBody.FindSubmatch(svg)
		if body == nil {
			return nil, fmt.Errorf("picture %s is not an SVG file", name)
		}
		fmt.Fprintf(&b, `<symbol id="%s" viewBox="0 0 24 24">%s</symbol>`, name, noise.ReplaceAll(body[1], nil))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String()), nil
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
