// Package browser shows pages to tests in a headless Chromium of its own: it points, types and reads, and keeps account of what a page asks for and
// complains of. It serves no pages and knows none.
package browser

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"rehome/pkg/sandbox"
)

const (
	patience = 60 * time.Second // for a condition of Until
	look     = 25 * time.Millisecond
)

// A Page is one tab of a browser that nobody else uses, without a history. Its methods are for the goroutine of the test that opened it, which they fail when
// they cannot do what they are asked for.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// Open starts a browser, which ends with t. A page of it is 1280 by 900 and light, until it is told otherwise.
func Open(t testing.TB) *Page {
	t.Helper()
	path, err := sandbox.Browser()
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocated, free := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	p := &Page{t: t}
	ctx, end := chromedp.NewContext(allocated, chromedp.WithListener(p.hear))
	p.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page shows\n%s\nit complained of %q", p.shown(), p.Complaints())
		}
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("end the browser: %v", err)
		}
		end()
		free()
	})
	p.do("start the browser", chromedp.EmulateViewport(1280, 900))
	p.Dark(false)
	return p
}

func (p *Page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if p.ctx.Err() == nil && chromedp.FromContext(p.ctx).Browser == nil {
		ctx = p.ctx // the browser lives as long as what it is started with
	}
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

// narrow is the width, in CSS pixels, below which a page is shown as by a telephone: scroll bars take no room.
const narrow = 600

// Size gives the page a width and a height in CSS pixels.
func (p *Page) Size(width, height int64) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if width < narrow {
		options = append(options, chromedp.EmulateMobile)
	}
	p.do("give the page another size", chromedp.EmulateViewport(width, height, options...))
}

// Dark says whether who looks prefers dark colours.
func (p *Page) Dark(dark bool) {
	p.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}},
	})
	if err != nil {
		p.t.Fatalf("prefer %s colours: %v", value, err)
	}
}

// Go opens an address, and returns when it is loaded.
func (p *Page) Go(address string) {
	p.t.Helper()
	p.do("open "+address, chromedp.Navigate(address))
}

// Until waits for a JavaScript expression to be true, and fails the test where it is not within a minute. What says what is waited for. An expression that
// throws, as what it asks of is not there yet, is not true.
func (p *Page) Until(what, expression string) {
	p.t.Helper()
	ticker, over := time.NewTicker(look), time.After(patience)
	defer ticker.Stop()
	for !Value[bool](p, "(() => { try { return !!("+expression+"); } catch { return false; } })()") {
		select {
		case <-ticker.C:
		case <-over:
			p.t.Fatalf("wait for %s: %s is not true", what, expression)
		}
	}
}

// Click waits for an element that is in sight and can be clicked, and clicks it.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(selector, chromedp.NodeVisible, chromedp.NodeEnabled))
}

// Type types into an element.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.do("type into "+selector, chromedp.SendKeys(selector, text, chromedp.NodeVisible))
}

// Press presses keys, as package kb of chromedp spells those that are no letters.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do("press keys", chromedp.KeyEvent(keys))
}

// Point moves the pointer to a place of the viewport.
func (p *Page) Point(x, y float64) {
	p.t.Helper()
	p.do("move the pointer", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
}

// Text is what the first element that the selector finds shows, empty where there is none.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Value[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// Shot writes a picture of the whole page, as PNG.
func (p *Page) Shot(path string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(path, picture, 0o644)
	}
	if err != nil {
		p.t.Fatalf("take a picture of the page: %v", err)
	}
}

// Value evaluates a JavaScript expression; a promise is waited for.
func Value[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return value
}

func (p *Page) shown() string {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text)
}
