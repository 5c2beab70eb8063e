// Package secret holds the one type that a secret has in memory, the sealed boxes that it has at rest, and the keys that seal
// them. It knows nothing of what the secrets are for.
package secret

import (
	"fmt"
	"log/slog"
)

const placeholder = "[secret]"

// Text is a secret string that no formatting, logging or encoding shows. The text is behind a pointer because fmt prints
// plain strings in unexported fields without asking any method. The zero Text is the absent secret.
type Text struct{ p *string }

// New wraps s. New("") is the absent secret.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{&s}
}

// Reveal returns the secret itself. Call it only where it is handed to a driver or sealed.
func (t Text) Reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// IsZero says whether there is no secret.
func (t Text) IsZero() bool { return t.p == nil }

// Format implements fmt.Formatter: every verb prints the placeholder.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(placeholder)) }

// String implements fmt.Stringer with the placeholder.
func (t Text) String() string { return placeholder }

// GoString implements fmt.GoStringer with the placeholder.
func (t Text) GoString() string { return placeholder }

// LogValue implements slog.LogValuer with the placeholder.
func (t Text) LogValue() slog.Value { return slog.StringValue(placeholder) }

// MarshalText implements encoding.TextMarshaler with the placeholder; JSON and YAML use it too.
func (t Text) MarshalText() ([]byte, error) { return []byte(placeholder), nil }
