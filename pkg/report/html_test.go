package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	running := full()
	running.Closing = nil
	for name, facts := range map[string]Facts{"full": full(), "clean": clean(), "running": running, "empty": {Migration: "m", Started: begun, Now: begun}} {
		body := text(t, Build(facts), "html")
		t.Run("the page needs nothing else: "+name, func(t *testing.T) {
			if found := regexp.MustCompile(`(?i)<(link|img|iframe|object|embed|base)|\b(src|href|action|on[a-z]+)=|url\(|@import|https?://`).Find(body); found != nil {
				t.Errorf("it has %s", found)
			}
			for _, tag := range regexp.MustCompile(`<script[^>]*>`).FindAllString(string(body), -1) {
				if tag != dataOpens {
					t.Errorf("it has %s", tag)
				}
			}
		})
		t.Run("it holds the report's data: "+name, func(t *testing.T) {
			data, _, err := embedded(body)
			if err != nil {
				t.Fatal(err)
			}
			var plain bytes.Buffer
			if err := json.Compact(&plain, text(t, Build(facts), "json")); err != nil || !bytes.Equal(plain.Bytes(), data) {
				t.Errorf("%v: %s", err, data)
			}
		})
		t.Run("each element is closed: "+name, func(t *testing.T) { balanced(t, body) })
	}
	t.Run("what somebody has written is text and nothing else", func(t *testing.T) {
		f := full()
		f.Discarded[0].Reason = `</script><script>alert(1)</script><!-- "`
		f.Causes[0].Cause = `values:app.users."<b>x</b>"`
		body := string(text(t, Build(f), "html"))
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<b>x") || strings.Count(body, "</script>") != 1 {
			t.Error("it is markup")
		}
		if p, err := Prove([]byte(body)); err != nil || len(p.Wrong) > 0 {
			t.Errorf("%+v, %v", p, err)
		}
	})
	t.Run("the first sentence says what there is to say", func(t *testing.T) {
		for _, tt := range []struct {
			facts Facts
			want  string
		}{
			{clean(), "All 10 users arrived in the new database with 10 rows."}, {full(), "12,345,600 of 12,345,700 users arrived, but the new database is not what it should be."},
			{running, "have arrived so far. The migration goes on"},
		} {
			if body := string(text(t, Build(tt.facts), "html")); !strings.Contains(body, tt.want) {
				t.Errorf("%q is not there", tt.want)
			}
		}
	})
}

// balanced fails where an element is not closed, or another one is.
func balanced(t *testing.T, body []byte) {
	t.Helper()
	void := map[string]bool{"meta": true, "br": true}
	var open []string
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict, d.Entity = false, xml.HTMLEntity
	for {
		token, err := d.RawToken()
		switch e := token.(type) {
		case nil:
			if !errors.Is(err, io.EOF) || len(open) > 0 {
				t.Errorf("%v, open at the end: %v", err, open)
			}
			return
		case xml.StartElement:
			if !void[e.Name.Local] {
				open = append(open, e.Name.Local)
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != e.Name.Local {
				t.Fatalf("</%s> closes %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
}
