// Command build makes the static bundle: static/dist from static/src, and the copy of axe that the browser tests load.
//
//	go run ./static/build          installs the pinned sources when they are missing, and writes the bundle
//	go run ./static/build -check   fails when the committed bundle is not what the sources make
//
// It runs from the top folder of the project.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	check := flag.Bool("check", false, "compare the committed bundle with its sources instead of writing it")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "static/build:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	if err := install(root); err != nil {
		return err
	}
	files, err := bundle(root)
	if err != nil {
		return err
	}
	if !check {
		return write(root, files)
	}
	stale, err := compare(root, files)
	if err != nil {
		return err
	}
	if len(stale) > 0 {
		return errors.New("stale, run make generate: " + fmt.Sprint(stale))
	}
	return nil
}
