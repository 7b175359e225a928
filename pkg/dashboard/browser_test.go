package dashboard

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"rehome/pkg/sandbox/browser"
)

// everyPage is where each page is, with its heading.
var everyPage = map[string]string{
	"#/": "Overview of shop", "#/shards": "Shards", "#/shard/0": "Shard 0", "#/shard/1": "Shard 1", "#/shard/2": "Shard 2", "#/waves": "Waves and gates",
	"#/dead": "Dead letters", "#/quarantine": "Quarantine", "#/user": "One user",
}

// shows opens the pages of a site, signed in.
func (s *site) shows() *browser.Page {
	s.Helper()
	p := browser.Open(s.T)
	p.Go(s.server.URL + "/#token=" + token)
	p.Until("the overview", "document.querySelector('#progress')")
	return p
}

// turns goes to a page.
func turns(p *browser.Page, hash string) {
	browser.Value[string](p, fmt.Sprintf("location.hash = %q", hash))
	p.Until("the page "+hash, fmt.Sprintf("document.querySelector('main h1').textContent === %q && !document.querySelector('main .blank')", everyPage[hash]))
}

// TestPagesInABrowser has a site with a shard of every kind looked at; into the directory that REHOME_SHOTS names it puts a picture of each page, for somebody to
// look at.
func TestPagesInABrowser(t *testing.T) {
	shots := os.Getenv("REHOME_SHOTS")
	t.Parallel()
	s := newSite(t, nil)
	s.move(0, 0, "000000001", "000000002")
	s.kill(1, 0)
	s.claim(2, 0)
	p := s.shows()
	s.Run("each page is there on a wide and on a narrow screen, by day and by night, and none is too wide", func(t *testing.T) {
		for hash := range everyPage {
			for _, width := range []int64{1280, 390} {
				p.Size(width, 844)
				for _, dark := range []bool{false, true} {
					p.Dark(dark)
					turns(p, hash)
					if over := browser.Value[int](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
						t.Errorf("%s is %d pixels too wide for %d", hash, over, width)
					}
					if shots != "" {
						p.Shot(filepath.Join(shots, fmt.Sprintf("%s-%d-%t.png", strings.NewReplacer("#/", "page-", "/", "-").Replace(hash), width, dark)))
					}
				}
			}
		}
		p.Size(1280, 900)
	})
	s.Run("whatever can be used has a name, whatever is a picture has a text, and headings leave out no rank", func(t *testing.T) {
		for hash := range everyPage {
			turns(p, hash)
			for _, fault := range browser.Value[[]string](p, unnamed) {
				t.Errorf("%s: %s", hash, fault)
			}
		}
	})
	s.Run("no host but the site is asked for anything, and the browser complains of nothing", func(t *testing.T) {
		for _, request := range p.Requests() {
			if u, err := url.Parse(request); err != nil || "http://"+u.Host != s.server.URL {
				t.Errorf("asked for %s", request)
			}
		}
		for _, complaint := range p.Complaints() {
			t.Error(complaint)
		}
	})
	s.Run("a policy keeps other scripts out", func(t *testing.T) {
		browser.Value[bool](p, "(() => { const s = document.createElement('script'); s.textContent = 'window.hurt = true'; document.body.append(s); return true; })()")
		if browser.Value[bool](p, "window.hurt === true") || !strings.Contains(strings.Join(p.Complaints(), " "), "Content Security Policy") {
			t.Errorf("an inline script ran, or nobody complained: %q", p.Complaints())
		}
	})
}

// unnamed lists what a screen reader could say nothing about, as far as that can be told without one.
const unnamed = `[
	...[...document.querySelectorAll("a[href], button, input, [tabindex='0'], section, nav, dialog, [role=img]")].filter((e) => {
		const labelled = e.getAttribute("aria-labelledby");
		const name = e.getAttribute("aria-label") || (labelled && document.getElementById(labelled)?.textContent) || e.labels?.[0]?.textContent || e.textContent;
		return !/\w/.test(name ?? ""); // an arrow is no name
	}).map((e) => "no name: " + e.outerHTML.slice(0, 120)),
	...[...document.querySelectorAll("img:not([alt])")].map((e) => "no text: " + e.outerHTML),
	...[...document.querySelectorAll("th:not([scope])")].map((e) => "a head of nothing: " + e.textContent),
	...[...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i).map((id) => "twice: #" + id),
	...[...document.querySelectorAll("h1, h2, h3")].map((e) => +e.tagName[1]).filter((rank, i, all) => (i === 0 ? rank !== 1 : rank > all[i - 1] + 1)).map((rank) => "a heading of rank " + rank),
	...(document.querySelectorAll("main, header.head, nav").length < 3 ? ["landmarks are missing"] : []),
	...(document.documentElement.lang ? [] : ["no language"]),
	...(document.title.includes("rehome") ? [] : ["no title"]),
]`

func TestByKeyboard(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.move(0, 0, "000000001", "000000002")
	s.kill(1, 0)
	p := s.shows()
	focused := func() string {
		return browser.Value[string](p, "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
	}
	tab := func(t *testing.T, until string) {
		t.Helper()
		for range 40 {
			p.Press(kb.Tab)
			if strings.HasPrefix(focused(), until) {
				if browser.Value[string](p, "getComputedStyle(document.activeElement).outlineStyle") == "none" {
					t.Errorf("nobody sees that %s has the focus", until)
				}
				return
			}
		}
		t.Fatalf("tab does not come to %s, but to %s", until, focused())
	}
	s.Run("the map is walked by arrows, and enter opens a shard", func(t *testing.T) {
		tab(t, "Shards")
		p.Press(kb.Enter)
		p.Until("the map", "document.querySelector('.map canvas')")
		if got := focused(); got != "Shards" {
			t.Errorf("the focus is at %s and not at the page's heading", got)
		}
		tab(t, "shard map of 3 shards")
		p.Until("the first to be told", "document.querySelector('.readout').textContent.startsWith('shard 0, wave casual, done')")
		p.Press(kb.ArrowRight)
		p.Press(kb.ArrowDown)
		p.Until("the last to be told", "document.querySelector('.readout').textContent.startsWith('shard 2, after the waves')")
		p.Press(kb.ArrowUp)
		p.Until("the one before", "document.querySelector('.readout').textContent.startsWith('shard 1, wave all, dead')")
		p.Press(kb.Enter)
		p.Until("the shard", "document.querySelector('h1').textContent === 'Shard 1'")
		p.Until("what can be done about it", `document.querySelector('[aria-label^="republish shard 1.0"]:not([disabled])')`)
	})
	s.Run("a dialog takes the focus, escape closes it, and the focus is where it was", func(t *testing.T) {
		tab(t, "republish shard 1.0")
		p.Press(kb.Enter)
		p.Until("the dialog", "document.querySelector('dialog[open]').contains(document.activeElement)")
		p.Press(kb.Escape)
		p.Until("no dialog", "!document.querySelector('dialog')")
		if got := focused(); got != "republish shard 1.0" {
			t.Errorf("the focus is at %s", got)
		}
	})
	s.Run("a shard is republished by force, and is planned without a reload", func(t *testing.T) {
		p.Press(kb.Enter)
		p.Until("the dialog", "document.querySelector('dialog[open]')")
		p.Press(" ")
		p.Until("force", "document.querySelector('dialog input').checked")
		tab(t, "republish 1 shard")
		p.Press(kb.Enter)
		p.Until("what became of it", "document.querySelector('dialog .results').innerText.includes('as you said')")
		if cut := browser.Value[float64](p, `(() => { // a reason may name a hash: nothing of it is cut off
			document.querySelector('dialog .results td.wrap').textContent = 'mapping sha256:' + 'a'.repeat(64);
			return [...document.querySelectorAll('dialog .results, dialog .results div')].reduce((most, e) => Math.max(most, e.scrollWidth - e.clientWidth), 0);
		})()`); cut > 0 {
			t.Errorf("%v pixels of a reason are cut off", cut)
		}
		if got := focused(); got != "close" {
			t.Errorf("the focus is at %s", got)
		}
		p.Press(kb.Enter)
		p.Until("another generation", "document.querySelector('.title').innerText.includes('generation 1') && document.querySelector('.title .chip').textContent === 'planned'")
	})
}

// TestSignInInABrowser has pages that nobody sees without the token.
func TestSignInInABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.Access = Access{Token: token, Proxied: true, Hosts: []string{"127.0.0.1"}} })
	p := browser.Open(t)
	p.Go(s.server.URL)
	p.Until("the door", "document.querySelector('.door input')")
	p.Type(".door input", "nonsense")
	p.Press(kb.Enter)
	p.Until("a refusal", "document.querySelector('.door .note').innerText.includes('this is not the token')")
	browser.Value[bool](p, "(document.querySelector('.door input').select(), true)")
	p.Type(".door input", "http://elsewhere.example/#token="+token)
	p.Press(kb.Enter)
	p.Until("the overview", "document.querySelector('#progress')")
	p.Click(".controls .plain")
	p.Until("the door again", "document.querySelector('.door input')")
}

// TestAConnectionThatBreaks has the pages say so, and go on when it is back.
func TestAConnectionThatBreaks(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	p := s.shows()
	p.Until("the stream", "document.querySelector('.live').textContent === 'live'")
	s.server.CloseClientConnections()
	p.Until("it to be connected again", "document.querySelector('.live').textContent === 'live' && !document.querySelector('.banner')")
	s.server.Listener.Close()
	s.server.CloseClientConnections()
	p.Until("the banner", "/not connected.*since \\d\\d:\\d\\d:\\d\\d. What you see is of \\d\\d:\\d\\d:\\d\\d/s.test(document.querySelector('.banner').innerText)")
	p.Until("a voice to say it", "document.querySelector('#said').textContent.includes('not connected')")
}
