package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// disguises returns the forms in which a value may stand in a text, all but the encoded ones in lower case: what is looked through is folded, too.
func disguises(value string) (folded, exact [][]byte) {
	plain, _ := json.Marshal(value)
	var unescaped bytes.Buffer
	encoder := json.NewEncoder(&unescaped)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // a string can be encoded
	for _, form := range []string{
		value, strings.Trim(string(plain), `"`), strings.Trim(strings.TrimSpace(unescaped.String()), `"`), html.EscapeString(value), url.QueryEscape(value),
		url.PathEscape(value), strings.Trim(fmt.Sprintf("%q", value), `"`), strings.Trim(fmt.Sprintf("%+q", value), `"`), hex.EncodeToString([]byte(value)),
		fmt.Sprintf("% x", value), strings.Trim(fmt.Sprintf("%d", []byte(value)), "[]"),
	} {
		folded = append(folded, []byte(strings.ToLower(form)))
	}
	// Where the value begins within a run of three bytes makes three forms of it; what its neighbours share in is left out.
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			text := encoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + value))
			first, rest := []int{0, 2, 3}[shift], (shift+len(value))%3
			last := len(text)
			if rest != 0 {
				last--
			}
			exact = append(exact, []byte(text[first:last]))
		}
	}
	return unique(folded), unique(exact)
}

func unique(forms [][]byte) [][]byte {
	slices.SortFunc(forms, bytes.Compare)
	return slices.CompactFunc(forms, bytes.Equal)
}

// leaks returns the places where one of the values was found, in whatever form, with what stands around it.
func (e *evidence) leaks(values []string) (leaks []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for where, found := range e.by {
		text := found.Bytes()
		lower := bytes.ToLower(text)
		for _, value := range values {
			folded, exact := disguises(value)
			for i, form := range slices.Concat(folded, exact) {
				in := lower
				if i >= len(folded) {
					in = text
				}
				if at := bytes.Index(in, form); at >= 0 {
					leaks = append(leaks, fmt.Sprintf("%s: %q as %q in …%q…", where, value, form, in[max(0, at-60):min(len(in), at+len(form)+20)]))
				}
			}
		}
	}
	slices.Sort(leaks)
	return leaks
}

func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	const value = "O'Hä\"re & <Söhne>"
	marshalled, _ := json.Marshal(map[string]string{"name": "x" + value})
	for name, text := range map[string]string{
		"as it is":              "name=" + value + ";",
		"in other case":         strings.ToUpper("name=" + value),
		"in JSON":               string(marshalled),
		"in a page":             "<td>" + html.EscapeString(value) + "</td>",
		"in an address":         "/?name=" + url.QueryEscape(value),
		"quoted":                fmt.Sprintf("%q", "ab"+value),
		"in hexadecimal":        hex.EncodeToString([]byte("key " + value + " end")),
		"as bytes":              fmt.Sprintf("%d", []byte("key "+value)),
		"in base64":             base64.StdEncoding.EncodeToString([]byte(value)),
		"in base64, shifted":    base64.StdEncoding.EncodeToString([]byte("a" + value + "bc")),
		"in base64, once more":  base64.StdEncoding.EncodeToString([]byte("ab" + value + "b")),
		"in an address' base64": base64.URLEncoding.EncodeToString([]byte("abcd" + value)),
	} {
		t.Run(name, func(t *testing.T) {
			var e evidence
			e.add("here", []byte(text))
			if len(e.leaks([]string{value})) == 0 {
				t.Errorf("nothing is found in %s", text)
			}
		})
	}
}

// collects keeps what the programs have stored and shown, beside what was kept while they were at work, and ends those that are still there.
func (n *vigil) collects() {
	n.Helper()
	n.stored()
	n.shown()
	for _, format := range []string{"text", "json", "html"} {
		n.runs("aggregator", 4, "report", "--format", format)
	}
	n.runs("aggregator", 4, "watch")
	n.commands(0, "dead", "list")
	n.commands(0, "dead", "list", "--output", "json")
	n.commands(0, "limit")
	n.commands(6, "dead", "republish", n.ask(`SELECT ordinal || '.' || generation FROM rehome.shard WHERE state = 'dead'`)) // nothing has changed
	for name, p := range n.processes() {
		p.Terminate()
		p.Wait(n.ctx)
		n.add("standard output of "+name, []byte(p.Stdout()))
		n.add("standard error of "+name, []byte(p.Stderr()))
	}
	_ = n.watching.Wait() // nobody fails
}

// stored keeps every message of every stream.
func (n *vigil) stored() {
	n.Helper()
	conn, err := nats.Connect(n.nats.URL())
	if err != nil {
		n.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		n.Fatal(err)
	}
	streams := js.ListStreams(n.ctx)
	for info := range streams.Info() {
		stream, err := js.Stream(n.ctx, info.Config.Name)
		if err != nil {
			n.Fatal(err)
		}
		n.add("stream "+info.Config.Name, fmt.Appendf(nil, "%+v", info))
		for sequence := info.State.FirstSeq; sequence <= info.State.LastSeq; sequence++ {
			if m, err := stream.GetMsg(n.ctx, sequence); err == nil {
				n.add("stream "+info.Config.Name, fmt.Append(nil, m.Subject, m.Header, string(m.Data)))
			}
		}
	}
	if streams.Err() != nil {
		n.Fatal(streams.Err())
	}
}

// boards are what the dashboard shows to anybody, but for those of one shard.
var boards = []string{"/", "/api/v1/session", "/api/v1/overview", "/api/v1/shards", "/api/v1/dead", "/api/v1/quarantine", "/api/v1/report", "/api/v1/report.html"}

// shown keeps every page of the dashboard, and the metrics in their other form, which has more to them.
func (n *vigil) shown() {
	n.Helper()
	for name, address := range n.addresses {
		if body, err := n.get(address+"/metrics", "Accept", "application/openmetrics-text"); err == nil {
			n.add(name+" /metrics as OpenMetrics", body)
		}
	}
	paths := slices.Clone(boards)
	for ordinal := range 40 {
		paths = append(paths, fmt.Sprintf("/api/v1/shards/%d", ordinal), fmt.Sprintf("/api/v1/dead/%d.0", ordinal), fmt.Sprintf("/api/v1/dead/%d.1", ordinal))
	}
	for _, path := range paths {
		body, err := n.get(n.pages+path, "Authorization", "Bearer "+nightToken)
		if err != nil {
			n.Fatal(err)
		}
		n.add("dashboard "+path, body)
	}
	for _, path := range append(boards, "/api/v1/dead/7.0") {
		if !bytes.HasPrefix(n.latest("dashboard "+path), []byte("{")) && !bytes.HasPrefix(n.latest("dashboard "+path), []byte("<!")) {
			n.Errorf("the dashboard's %s is %q", path, n.latest("dashboard "+path))
		}
	}
}
