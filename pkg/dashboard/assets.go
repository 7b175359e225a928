package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var embedded embed.FS

// kinds are the files that are served; what else lies in the directory is not.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/vnd.microsoft.icon", ".json": "application/json", ".txt": "text/plain; charset=utf-8",
}

// An asset is a file of the pages.
type asset struct {
	kind   string
	tag    string // of its contents, as an ETag; packed it has the same, which is therefore a weak one
	plain  []byte
	zipped []byte // nil where that is no shorter
}

// loadAssets reads the files that are built in, by their paths under assets/.
func loadAssets() (map[string]asset, error) {
	files := map[string]asset{}
	err := fs.WalkDir(embedded, "assets", func(name string, entry fs.DirEntry, err error) error {
		kind := kinds[path.Ext(name)]
		if err != nil || entry.IsDir() || kind == "" {
			return err
		}
		text, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		a := asset{kind: kind, tag: `W/"` + hex.EncodeToString(sum[:12]) + `"`, plain: text}
		if zipped := zip(text); len(zipped) < len(text) {
			a.zipped = zipped
		}
		files[strings.TrimPrefix(name, "assets/")] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the dashboard's pages: %w", err)
	}
	return files, nil
}

func zip(text []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(text) // a buffer takes all
	_ = z.Close()
	return out.Bytes()
}

func unzip(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// takesGzip reports whether who asks can unpack it.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(name, "gzip") && strings.ReplaceAll(weight, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func (d *Dashboard) page(w http.ResponseWriter, r *http.Request) { d.give(w, r, "index.html") }

func (d *Dashboard) asset(w http.ResponseWriter, r *http.Request) {
	d.give(w, r, r.PathValue("name"))
}

// give sends a file. Browsers keep it, and ask each time whether it is still the same: another release has others.
func (d *Dashboard) give(w http.ResponseWriter, r *http.Request, name string) {
	a, there := d.assets[name]
	if !there {
		fail(w, r, notFound("there is no %s among the dashboard's pages", r.URL.Path))
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.tag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.kind)
	text := a.plain
	if a.zipped != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		text = a.zipped
	}
	_, _ = w.Write(text) // who asked has gone: nobody is left to tell
}
