package value_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func sameCharacters(t interface{ Fatalf(string, ...any) }, text []byte) {
	n, ok := value.Characters(text)
	if want := utf8.Valid(text) && bytes.IndexByte(text, 0) < 0; ok != want || ok && n != utf8.RuneCount(text) {
		t.Fatalf("%q: %d characters, %v; want %d, %v", text, n, ok, utf8.RuneCount(text), want)
	}
}

func TestCharactersAreThoseOfTheStandardLibrary(t *testing.T) {
	t.Run("with each byte at each offset of an ASCII text", func(t *testing.T) {
		for size := range 70 {
			for at := range size {
				for b := range 256 {
					text := bytes.Repeat([]byte{'a'}, size)
					text[at] = byte(b)
					sameCharacters(t, text)
				}
			}
		}
	})
	t.Run("with each beginning of a character", func(t *testing.T) {
		for first := 0x70; first < 256; first++ {
			for second := range 256 {
				for _, rest := range []string{"", "a", "\x80", "\xbf", "\x80\x80", "\x80\xbf", "\x80a", "\xc0", "\xbf\xbf\x80", "\x00"} {
					text := append([]byte{byte(first), byte(second)}, rest...)
					sameCharacters(t, text)
					sameCharacters(t, append([]byte("some text before"), text...))
					sameCharacters(t, append(text, "and after, of ASCII and a NUL\x00"...))
				}
			}
		}
	})
	t.Run("in any mixture", rapid.MakeCheck(func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "text of more than eight", "é", "東", "😀", "\x00", "\xff", "\xed\xa0\x80", "\xc3", "0123456", "Ж"})
		var text []byte
		for _, p := range rapid.SliceOfN(part, 0, 30).Draw(t, "parts") {
			text = append(text, p...)
		}
		sameCharacters(t, text)
	}))
}
