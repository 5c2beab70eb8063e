package browser

import (
	"os"

	"github.com/chromedp/chromedp"
)

// Full is throw-away.
func (p *Tab) Full(file string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
