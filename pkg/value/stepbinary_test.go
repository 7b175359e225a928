package value_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome/pkg/value"
)

func TestHexAndBase64(t *testing.T) {
	bytea := target("bytea")
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: steps("hex")}), []walk{
		{"NULL passes hex", `\N`, "NULL"},
		{"no digits are no bytes", "", ""},
		{"both cases", "00fFaB", "\x00\xff\xab |hex"},
		{"an odd digit", "0", "fault hex"},
		{"a letter too far", "0g", "fault hex"},
		{"a prefix", "0x00", "fault hex"},
		{"a blank", "00 ", "fault hex"},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("hex")}), []walk{
		{"as a text", "c3a4", "ä |hex"},
		{"as a text that it is not", "e4", "fault bad_text"},
		{"as a text with a NUL", "6100", "fault nul_byte"},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("hex"), BadText: word(value.CP1252), NulByte: word(value.Strip)}), []walk{
		{"as a text that is mended", "e4003f", "ä? |hex |bad_text |nul_byte"},
	})
	walks(t, compile(t, blob, target("uuid"), value.Rules{Steps: steps("hex")}), []walk{
		{"16 bytes are a uuid", x("0123456789abcdef"), "0123456789abcdef |hex"},
		{"15 are none", x("0123456789abcde"), "fault uuid"},
	})
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: steps("base64")}), []walk{
		{"NULL passes base64", `\N`, "NULL"},
		{"nothing is nothing", "", ""},
		{"the standard alphabet", "+/+/", "\xfb\xff\xbf |base64"},
		{"padded", "AA==", "\x00 |base64"},
		{"without its padding", "AA", "fault base64"},
		{"with one of two", "AA=", "fault base64"},
		{"with bits behind its end", "AB==", "fault base64"},
		{"the other alphabet", "-_-_", "fault base64"},
		{"a line break", "AA==\n", "fault base64"},
		{"a blank", "AA ==", "fault base64"},
		{"more behind the padding", "AA==AA==", "fault base64"},
	})
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: []value.Step{step("base64", "url", "unpadded")}}), []walk{
		{"of URLs", "-_-_AA", "\xfb\xff\xbf\x00 |base64"},
		{"of URLs with a padding", "-_-_AA==", "fault base64"},
		{"of URLs in the standard alphabet", "+/+/", "fault base64"},
	})
	walks(t, compile(t, varchar, bytea, value.Rules{Steps: []value.Step{step("base64", "lines")}}), []walk{
		{"as TO_BASE64 writes it", "AAAA\nAAAA\r\nAA==", "\x00\x00\x00\x00\x00\x00\x00 |base64"},
	})
	walks(t, compile(t, varchar, text, value.Rules{Steps: steps("base64", "trim", "lower")}), []walk{
		{"steps go on with the text", "IEHDhCA=", "aä |base64 |trim |lower"},
	})
}

func TestBytesComeBackFromWhatTheyWereEncodedAs(t *testing.T) {
	var programs []*value.Program
	encoders := []func([]byte) string{
		hex.EncodeToString, func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }, base64.StdEncoding.EncodeToString,
		base64.RawStdEncoding.EncodeToString, base64.URLEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString,
	}
	for _, s := range []value.Step{step("hex"), step("hex"), step("base64"), step("base64", "unpadded"), step("base64", "url"), step("base64", "unpadded", "url")} {
		programs = append(programs, compile(t, varchar, target("bytea"), value.Rules{Steps: []value.Step{s}}))
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		i := rapid.IntRange(0, len(encoders)-1).Draw(t, "encoder")
		text := []byte(encoders[i](want))
		if got, _, _, fault := programs[i].Append(nil, text); fault != "" || !bytes.Equal(got, want) {
			t.Fatalf("%q became %x, fault %q", text, got, fault)
		}
		if len(text) == 0 {
			return
		}
		// Any other text is another value, or none: nothing is overlooked.
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		text[at] = rapid.Byte().Filter(func(b byte) bool { return b|0x20 != text[at]|0x20 }).Draw(t, "byte")
		if got, _, _, fault := programs[i].Append(nil, text); fault == "" && bytes.Equal(got, want) {
			t.Fatalf("%q became %x too", text, got)
		}
	})
}
