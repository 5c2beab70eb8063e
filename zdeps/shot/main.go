package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// usage: shot BASE EMAIL PASSWORD OUTDIR WIDTH THEME name=path[@js]...
func main() {
	base, email, pw, out := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	width, _ := strconv.Atoi(os.Args[5])
	theme := os.Args[6]
	alloc, _ := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))...)
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, c2 := context.WithTimeout(ctx, 120*time.Second)
	defer c2()
	must := func(err error) {
		if err != nil {
			fmt.Println("ERR", err)
			os.Exit(1)
		}
	}
	must(chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 900)))
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			fmt.Println("CONSOLE", m.String(), m.URL)
		}
	}()
	must(chromedp.Do(ctx, chromedp.Navigate(base+"/sign-in")))
	if email != "" {
		js := fmt.Sprintf(`(document.querySelector("[name=email]").value=%q, document.querySelector("[name=password]").value=%q, document.querySelector("form").submit())`, email, pw)
		_, err := chromedp.Run(ctx, chromedp.Evaluate[any](js+"??1"))
		_ = err
		time.Sleep(1500 * time.Millisecond)
		if theme != "" {
			chromedp.Run(ctx, chromedp.Evaluate[any](`document.querySelector("[data-choice=`+theme+`]").click()??1`))
			time.Sleep(400 * time.Millisecond)
		}
	}
	for _, a := range os.Args[7:] {
		name, path, _ := strings.Cut(a, "=")
		path, js, hasJS := strings.Cut(path, "@")
		if path != "" {
			must(chromedp.Do(ctx, chromedp.Navigate(base+path)))
		}
		time.Sleep(900 * time.Millisecond)
		if hasJS {
			_, err := chromedp.Run(ctx, chromedp.Evaluate[any]("(()=>{"+js+"})()??1"))
			if err != nil {
				fmt.Println("JS", err)
			}
			time.Sleep(1500 * time.Millisecond)
		}
		buf, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		must(err)
		must(os.WriteFile(out+"/"+name+".png", buf, 0o644))
	}
}
