package report

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Proof is a report that was read from a file, and what can be proved of it without any database.
type Proof struct {
	Migration string
	Run       string
	Made      *Made
	Digest    string
	Wrong     []string // what does not hold, each as a key and what is wrong with it; empty where the file is intact

	all  map[string]any
	seal string
	page *pageDigest // nil where the file is no page
}

// Prove reads a report that was written as JSON or as HTML, and computes its digest anew, and that of the page around it. The error says why the file cannot be read
// as a report.
func Prove(file []byte) (*Proof, error) {
	body, page, err := embedded(file)
	if err != nil {
		return nil, err
	}
	v, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("read the report's JSON: %w", err)
	}
	p := &Proof{page: page}
	if p.all, _ = v.(map[string]any); p.all == nil {
		return nil, fmt.Errorf("read the report's JSON: it is no object")
	}
	p.Migration, p.Run = p.text("migration"), p.text("run")
	if p.Migration == "" || p.text("verdict") == "" {
		return nil, fmt.Errorf("read the report's JSON: it has no migration, or no verdict: it is no report of rehome")
	}
	p.Digest, p.seal = p.text(digestKey), p.text(sealKey)
	var r Report
	if json.Unmarshal(body, &r) == nil {
		p.Made = r.Made
	}
	switch got := digestOf(v); {
	case p.Digest == "":
		p.Wrong = append(p.Wrong, "digest: the report has none; one that was made by an older release cannot be verified")
	case got != p.Digest:
		p.Wrong = append(p.Wrong, fmt.Sprintf("digest: the file says %q, and its content has %s: something in it was changed", p.Digest, got))
	}
	if page != nil && page.told != page.got {
		p.Wrong = append(p.Wrong, fmt.Sprintf("page: the file says %q, and the page around the data has %s: something that it shows was changed", page.told, page.got))
	}
	return p, nil
}

func (p *Proof) text(key string) string {
	text, _ := p.all[key].(string)
	return text
}

// Sealed reports whether the seal, and that of the page, were made with the key of the migration's ledger.
func (p *Proof) Sealed(key []byte) bool {
	page := p.page == nil || hmac.Equal([]byte(p.page.seal), []byte(sealOf(key, p.page.told)))
	return page && hmac.Equal([]byte(p.seal), []byte(sealOf(key, p.Digest)))
}

// notCompared are the keys that say when and by what a report was made, and not what it is about.
var notCompared = []string{digestKey, sealKey, "made", "rehome"}

// Differences lists what another report says otherwise, key by key, as `users.migrated: 10 in the file, 11 by now`. How a list goes on is told once. Keys that only a newer
// release writes are left out.
func (p *Proof) Differences(now *Report) ([]string, error) {
	body, err := now.Encoded()
	if err != nil {
		return nil, err
	}
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	was, is := maps.Clone(p.all), v.(map[string]any)
	for _, key := range notCompared {
		delete(was, key)
		delete(is, key)
	}
	return differences(nil, "", was, is, p.text("rehome") != now.Rehome), nil
}

// differences appends what differs under the path; keys that only the newer has do not count where grown.
func differences(out []string, path string, was, is any, grown bool) []string {
	a, objects := was.(map[string]any)
	b, both := is.(map[string]any)
	if objects && both {
		keys := slices.Sorted(maps.Keys(a))
		for key := range b {
			if _, known := a[key]; !known && !grown {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			out = differences(out, strings.TrimPrefix(path+"."+key, "."), member(a, key), member(b, key), grown)
		}
		return out
	}
	x, lists := was.([]any)
	y, bothLists := is.([]any)
	if lists && bothLists && len(x) == len(y) {
		for i := range x {
			out = differences(out, fmt.Sprintf("%s[%s]", path, nameOf(x[i], i)), x[i], y[i], grown)
		}
		return out
	}
	if !bytes.Equal(canonical(nil, was), canonical(nil, is)) {
		out = append(out, fmt.Sprintf("%s: %s in the file, %s by now", path, spell(was), spell(is)))
	}
	return out
}

// nothing is in the place of a key that is not there.
type nothing struct{}

func member(object map[string]any, key string) any {
	if v, ok := object[key]; ok {
		return v
	}
	return nothing{}
}

// nameOf names an element of a list by what it is about.
func nameOf(element any, i int) string {
	object, _ := element.(map[string]any)
	for _, key := range []string{"name", "into", "cause", "table"} {
		if name, ok := object[key].(string); ok {
			return name
		}
	}
	return fmt.Sprint(i)
}

func spell(v any) string {
	switch v := v.(type) {
	case nothing:
		return "nothing"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return "an object"
	}
	return cut(string(canonical(nil, v)), 80)
}
