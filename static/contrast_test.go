package static_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A theme is the linear red, green and blue of each token.
type theme map[string][3]float64

var token = regexp.MustCompile(`(?m)^\s*--([a-z0-9-]+): light-dark\((#fff|oklch\([^)]*\)), (#fff|oklch\([^)]*\))\);`)

// themes reads the tokens as browsers do. Tokens with transparency stand for no surface of their own and are left out.
func themes(t *testing.T) map[string]theme {
	t.Helper()
	css, err := os.ReadFile("src/css/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark := theme{}, theme{}
	for _, m := range token.FindAllStringSubmatch(string(css), -1) {
		if !strings.Contains(m[0], "/") {
			light[m[1]], dark[m[1]] = linear(t, m[2]), linear(t, m[3])
		}
	}
	if len(light) < 30 {
		t.Fatalf("found %d tokens: the pattern no longer fits the file", len(light))
	}
	return map[string]theme{"light": light, "dark": dark}
}

// linear turns oklch(L C H) into linear sRGB (CSS Color 4, section 10.2).
func linear(t *testing.T, colour string) [3]float64 {
	if colour == "#fff" {
		return [3]float64{1, 1, 1}
	}
	parts := strings.Fields(strings.Trim(strings.TrimPrefix(colour, "oklch"), "()"))
	n := make([]float64, len(parts))
	for i, p := range parts {
		v, err := strconv.ParseFloat(p, 64)
		if err != nil {
			t.Fatalf("%s: %v", colour, err)
		}
		n[i] = v
	}
	a, b := n[1]*math.Cos(n[2]*math.Pi/180), n[1]*math.Sin(n[2]*math.Pi/180)
	l := math.Pow(n[0]+0.3963377774*a+0.2158037573*b, 3)
	m := math.Pow(n[0]-0.1055613458*a-0.0638541728*b, 3)
	s := math.Pow(n[0]-0.0894841775*a-1.2914855480*b, 3)
	return [3]float64{
		clip(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		clip(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		clip(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
	}
}

func clip(v float64) float64 { return math.Min(1, math.Max(0, v)) }

func contrast(a, b [3]float64) float64 {
	la, lb := luminance(a), luminance(b)
	return (math.Max(la, lb) + 0.05) / (math.Min(la, lb) + 0.05)
}

func luminance(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }

// The pairs that stand on the screen: text at 4.5:1, borders of controls and dots that carry meaning at 3:1 (WCAG 2.2, 1.4.3 and
// 1.4.11).
func TestContrast(t *testing.T) {
	surfaces := "bg surface raised sunken hover active"
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"text text-2 text-3", surfaces, 4.5},
		{"line-control", surfaces, 3},
		{"accent ok warn bad", "bg surface raised sunken", 4.5},
		{"accent", "accent-soft hover", 4.5},
		{"ok", "ok-soft", 4.5}, {"warn", "warn-soft", 4.5}, {"bad", "bad-soft", 4.5},
		{"text text-2", "ok-soft warn-soft bad-soft accent-soft mark", 4.5},
		{"on-solid", "solid solid-hover", 4.5},
		{"code-keyword code-string code-number code-type", "surface hover", 4.5},
		{"accent bad-dot", "bg surface", 3},
	}
	for name, colours := range themes(t) {
		for _, pair := range pairs {
			for _, front := range strings.Fields(pair.front) {
				for _, back := range strings.Fields(pair.back) {
					f, okF := colours[front]
					b, okB := colours[back]
					if !okF || !okB {
						t.Fatalf("no token --%s or --%s", front, back)
					}
					if got := contrast(f, b); got < pair.least {
						t.Errorf("%s: --%s on --%s is %.2f:1, want %.1f:1", name, front, back, got, pair.least)
					}
				}
			}
		}
	}
}
