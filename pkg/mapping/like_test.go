package mapping

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLikeMatchesTextsAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		pattern string
		like    []string
		unlike  []string
	}{
		{"", []string{""}, []string{"a"}},
		{"nick", []string{"nick"}, []string{"Nick", "nick ", "nicks", ""}},
		{"wp_%", []string{"wp_x", "wpéx", "wp_"}, []string{"wp", "WP_x"}},
		{`wp\_%`, []string{"wp_x", "wp_"}, []string{"wp-x"}},
		{"%", []string{"", "a", "a\nb"}, nil},
		{"%a%b%", []string{"ab", "xaxbx", "aab", "abb"}, []string{"ba", "a", ""}},
		{`100\%`, []string{"100%"}, []string{"100"}},
		{`a\\b`, []string{`a\b`}, []string{"ab"}},
		{`a\b`, []string{"ab"}, []string{`a\b`}},
		{`a\`, []string{`a\`}, []string{"a"}},
		{"%%_", []string{"a", "😀"}, []string{""}},
	} {
		p := parseLike(c.pattern)
		for _, text := range c.like {
			if !p.matches(text) {
				t.Errorf("%q is not like %q", text, c.pattern)
			}
		}
		for _, text := range c.unlike {
			if p.matches(text) {
				t.Errorf("%q is like %q", text, c.pattern)
			}
		}
	}
}

func TestLikeIsTheRegularExpressionThatItMeans(t *testing.T) {
	texts := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "é", "%", "_", `\`}), 0, 12), func(parts []string) string { return strings.Join(parts, "") })
	rapid.Check(t, func(t *rapid.T) {
		pattern, text := texts.Draw(t, "pattern"), texts.Draw(t, "text")
		var re strings.Builder
		escaped := false
		for _, r := range pattern {
			switch {
			case !escaped && r == '\\':
				escaped = true
				continue
			case !escaped && r == '%':
				re.WriteString(".*")
			case !escaped && r == '_':
				re.WriteString(".")
			default:
				re.WriteString(regexp.QuoteMeta(string(r)))
			}
			escaped = false
		}
		if escaped {
			re.WriteString(`\\`)
		}
		if got, want := parseLike(pattern).matches(text), regexp.MustCompile("(?s)^"+re.String()+"$").MatchString(text); got != want {
			t.Errorf("%q LIKE %q is %v", text, pattern, got)
		}
	})
}

func TestLikeTakesNoTimeForAHostilePattern(t *testing.T) {
	start := time.Now()
	if parseLike(strings.Repeat("%a", 200) + "%b").matches(strings.Repeat("a", 10_000)) {
		t.Error("there is no b")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
