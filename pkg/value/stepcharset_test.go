package value_test

import (
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func TestCharset(t *testing.T) {
	both := value.Rules{Steps: []value.Step{step("charset", "utf8", "cp1252")}}
	for _, from := range []value.LegacyType{varchar, blob} {
		walks(t, compile(t, from, text, both), []walk{
			{"NULL passes", `\N`, "NULL"},
			{"the empty text", "", ""},
			{"ASCII is the same in both", "plain", "plain"},
			{"UTF-8 stays", "Ágnes", "Ágnes"},
			{"cp1252 becomes UTF-8", "caf\xe9 \x80\x93", "café €“ |charset"},
			{"what cp1252 leaves open passes as MySQL has it", "\x81\x8d\x8f\x90\x9d", "\u0081\u008d\u008f\u0090\u009d |charset"},
			{"half a character is none", "\xc3", "Ã |charset"},
			{"a surrogate is no UTF-8", "\xed\xa0\x80", "í\u00a0€ |charset"},
			{"a NUL is no matter of charsets", "\xe9\x00", "fault nul_byte"},
		})
	}
	walks(t, compile(t, blob, text, value.Rules{Steps: []value.Step{step("charset", "cp1252")}}), []walk{
		{"cp1252 alone reads everything so", "Á", "Ã\u0081 |charset"},
	})
	walks(t, compile(t, blob, text, value.Rules{Steps: []value.Step{step("charset", "utf8")}, BadText: word(value.Strip)}), []walk{
		{"utf8 alone refuses the rest", "\xe9", "fault charset"},
	})
}

func TestMojibake(t *testing.T) {
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("mojibake")}), []walk{
		{"NULL passes", `\N`, "NULL"},
		{"the empty text", "", ""},
		{"ASCII stays", "plain", "plain"},
		{"what is right stays", "Ágnes Ís café €", "Ágnes Ís café €"},
		{"read as cp1252", "cafÃ© â‚¬ â€œxâ€\u009d", "café € “x” |mojibake"},
		{"with what cp1252 leaves open", "Ã\u0081gnes Ã\u008ds", "Ágnes Ís |mojibake"},
		{"read as latin1", "â\u0080\u0099", "’ |mojibake"},
		{"twice over", "cafÃƒÂ©", "café |mojibake"},
		{"three times over", "cafÃƒÆ’Ã‚Â©", "café |mojibake"},
		{"a mixture of right and wrong is left alone", "日本 cafÃ©", "日本 cafÃ©"},
		{"half of one is left alone", "Ã", "Ã"},
		{"an emoji", "ðŸ˜€", "😀 |mojibake"},
		{"a character of its own above cp1252 stays", "Ā", "Ā"},
		{"broken bytes are left to bad_text", "\xc3", "fault bad_text"},
	})
	t.Run("whatever is scrambled up to three times comes back", func(t *testing.T) {
		p := compile(t, varchar, text, value.Rules{Steps: steps("mojibake")})
		scramble := compile(t, blob, text, value.Rules{Steps: []value.Step{step("charset", "cp1252")}})
		rapid.Check(t, func(t *rapid.T) {
			right := rapid.StringMatching(`[a-z]{0,3}[日Ωж][a-zéÁÍ€]{0,5}`).Draw(t, "text")
			wrong := []byte(right)
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				wrong, _, _, _ = scramble.Append([]byte{}, wrong)
			}
			if got := through(p, wrong); got != right+" |mojibake" {
				t.Fatalf("%q became %q, want %q", wrong, got, right)
			}
		})
	})
}
