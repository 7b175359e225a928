package dashboard

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What the vendored files are: copies, to the byte, of what npm has.
var vendored = map[string]string{
	"vendor/htm-preact.js": "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7", // htm 3.1.1: preact/standalone.module.js
	"vendor/uplot.js":      "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba", // uplot 1.6.32: dist/uPlot.esm.js
	"vendor/uplot.css":     "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04", // uplot 1.6.32: dist/uPlot.min.css
}

func pagesFiles(t *testing.T) map[string]asset {
	t.Helper()
	files, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestVendoredFiles(t *testing.T) {
	files := pagesFiles(t)
	for name, want := range vendored {
		sum := sha256.Sum256(files[name].plain)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s is not what npm has: %s", name, got)
		}
	}
	for name := range files {
		if strings.HasPrefix(name, "vendor/") && !strings.Contains(name, "LICENSE") && vendored[name] == "" {
			t.Errorf("nobody knows where %s comes from", name)
		}
	}
	for _, license := range []string{"htm", "preact", "uplot"} {
		if len(files["vendor/LICENSE-"+license+".txt"].plain) < 1000 {
			t.Errorf("the licence of %s is missing", license)
		}
	}
}

var token6 = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)

// schemes reads the tokens of both colour schemes.
func schemes(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	text := string(pagesFiles(t)["base.css"].plain)
	before, after, found := strings.Cut(text, "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("base.css has no dark scheme")
	}
	read := func(text string) map[string]string {
		all := map[string]string{}
		for _, m := range token6.FindAllStringSubmatch(text, -1) {
			all[m[1]] = m[2]
		}
		return all
	}
	return read(before), read(after)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(hex string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b string) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// TestContrast holds text to 4.5 and shapes to 3, as WCAG's level AA has it.
func TestContrast(t *testing.T) {
	const text, shape = 4.5, 3
	light, dark := schemes(t)
	for _, pair := range []struct {
		on    string
		least float64
		of    string
	}{
		{"page", text, "text muted link good warn bad"}, {"panel", text, "text muted link good warn bad"}, {"sunk", text, "text muted link"},
		{"good-tint", text, "good text"}, {"warn-tint", text, "warn text link"}, {"bad-tint", text, "bad text link"},
		{"accent", text, "on-accent"}, {"bad", text, "on-bad"}, {"text", text, "panel"},
		{"panel", shape, "edge accent state-working state-done state-quarantined state-dead state-discarded state-split"},
		{"panel", shape, "phase-read phase-convert phase-copy phase-read-back phase-close plot-rows plot-busy"},
		{"state-mark", shape, "state-working state-done state-quarantined state-dead state-discarded"},
	} {
		for of := range strings.FieldsSeq(pair.of) {
			for scheme, tokens := range map[string]map[string]string{"light": light, "dark": dark} {
				on, is := tokens[pair.on], tokens[of]
				if on == "" || is == "" {
					t.Errorf("%s: there is no --%s or no --%s", scheme, pair.on, of)
				} else if got := contrast(on, is); got < pair.least {
					t.Errorf("%s: --%s on --%s has a contrast of %.2f, less than %.1f", scheme, of, pair.on, got, pair.least)
				}
			}
		}
	}
}

// TestEveryModuleIsAskedForAtOnce keeps a page from loading its modules one after the other, as they name each other.
func TestEveryModuleIsAskedForAtOnce(t *testing.T) {
	files := pagesFiles(t)
	page := string(files["index.html"].plain)
	for name := range files {
		if strings.HasSuffix(name, ".js") && name != "types.js" && name != "main.js" && !strings.Contains(page, `<link rel="modulepreload" href="/assets/`+name+`">`) {
			t.Errorf("index.html does not name %s", name)
		}
	}
	for _, m := range regexp.MustCompile(`/assets/([a-z./-]+)"`).FindAllStringSubmatch(page, -1) {
		if _, there := files[m[1]]; !there {
			t.Errorf("index.html names %s, which is not there", m[1])
		}
	}
}

var elsewhere = regexp.MustCompile(`https?://[a-zA-Z0-9.-]+`)

// TestNothingIsLoadedFromElsewhere looks for what a policy would have to forbid.
func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	for name, file := range pagesFiles(t) {
		text := string(file.plain)
		if !strings.HasPrefix(name, "vendor/") {
			for _, address := range elsewhere.FindAllString(text, -1) {
				if address != "http://www.w3.org" { // a name, which nobody asks
					t.Errorf("%s names %s", name, address)
				}
			}
		}
		if strings.HasSuffix(name, ".html") && regexp.MustCompile(`\sstyle=|<style|\son[a-z]+=|<script>`).MatchString(text) {
			t.Errorf("%s has styles or scripts of its own", name)
		}
	}
}
