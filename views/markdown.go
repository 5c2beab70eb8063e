package views

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"strconv"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// markdown reads text; what it means is written by writeMarkdown, which knows a fixed set of elements and escapes the rest:
// no HTML of the author's reaches the page (P16).
var markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough))

// Markdown shows text written in Markdown.
func Markdown(source string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		src := []byte(source)
		var buf bytes.Buffer
		m := markdownWriter{src: src, out: &buf}
		if err := ast.Walk(markdown.Parser().Parse(text.NewReader(src)), m.node); err != nil {
			return err
		}
		_, err := w.Write(buf.Bytes())
		return err
	})
}

type markdownWriter struct {
	src []byte
	out *bytes.Buffer
}

func (m markdownWriter) text(b []byte) { m.out.WriteString(templ.EscapeString(string(b))) }

// node writes one node's start or end.
func (m markdownWriter) node(n ast.Node, entering bool) (ast.WalkStatus, error) {
	switch n := n.(type) {
	case *ast.Text:
		if entering {
			m.text(n.Segment.Value(m.src))
			if n.SoftLineBreak() || n.HardLineBreak() {
				m.out.WriteByte('\n')
			}
		}
	case *ast.String:
		if entering {
			m.text(n.Value)
		}
	case *ast.RawHTML, *ast.HTMLBlock:
		if entering {
			m.raw(n)
		}
		return ast.WalkSkipChildren, nil
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		if entering {
			m.out.WriteString("<pre><code>")
			m.lines(n.Lines())
			m.out.WriteString("</code></pre>")
		}
		return ast.WalkSkipChildren, nil
	case *ast.Link:
		m.link(string(n.Destination), entering)
	case *ast.AutoLink:
		if entering {
			m.link(string(n.URL(m.src)), true)
			m.text(n.Label(m.src))
			m.link(string(n.URL(m.src)), false)
		}
	case *ast.ThematicBreak:
		if entering {
			m.out.WriteString("<hr/>")
		}
	default:
		m.element(elementOf(n), entering)
	}
	return ast.WalkContinue, nil
}

func (m markdownWriter) element(name string, entering bool) {
	if name == "" {
		return
	}
	if entering {
		m.out.WriteString("<" + name + ">")
	} else {
		m.out.WriteString("</" + name + ">")
	}
}

// elementOf is the element of a node without attributes; an image has none: nothing is loaded from elsewhere.
func elementOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.Heading:
		return "h" + strconv.Itoa(min(n.Level+1, 6)) // the page's h1 is its title
	case *ast.Paragraph:
		return "p"
	case *ast.Blockquote:
		return "blockquote"
	case *ast.List:
		if n.IsOrdered() {
			return "ol"
		}
		return "ul"
	case *ast.ListItem:
		return "li"
	case *ast.CodeSpan:
		return "code"
	case *ast.Emphasis:
		if n.Level == 2 {
			return "strong"
		}
		return "em"
	case *extast.Strikethrough:
		return "s"
	case *extast.Table:
		return "table"
	case *extast.TableHeader, *extast.TableRow:
		return "tr"
	case *extast.TableCell:
		if _, head := n.Parent().(*extast.TableHeader); head {
			return "th"
		}
		return "td"
	}
	return ""
}

// raw shows HTML as the text that it is.
func (m markdownWriter) raw(n ast.Node) {
	switch n := n.(type) {
	case *ast.RawHTML:
		m.lines(n.Segments)
	case *ast.HTMLBlock:
		m.out.WriteString("<p>")
		m.lines(n.Lines())
		m.out.WriteString("</p>")
	}
}

func (m markdownWriter) lines(segments *text.Segments) {
	for i := range segments.Len() {
		s := segments.At(i)
		m.text(s.Value(m.src))
	}
}

// link writes a link to the web or to a mail address; any other is plain text.
func (m markdownWriter) link(to string, entering bool) {
	u, err := url.Parse(to)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "mailto") {
		return
	}
	if entering {
		m.out.WriteString(`<a class="link" rel="noopener noreferrer nofollow" href="` + templ.EscapeString(u.String()) + `">`)
	} else {
		m.out.WriteString("</a>")
	}
}
