package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func prove(t *testing.T, file []byte) *Proof {
	t.Helper()
	p, err := Prove(file)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProve(t *testing.T) {
	files := map[string][]byte{"json": text(t, Build(full()), "json"), "html": text(t, Build(full()), "html")}
	for form, file := range files {
		t.Run("what nobody has changed is intact, and sealed by its ledger alone: "+form, func(t *testing.T) {
			p := prove(t, file)
			if len(p.Wrong) > 0 || p.Migration != "community" || p.Run != "mzq4kx" || !strings.HasPrefix(p.Digest, "sha256:") {
				t.Errorf("%+v", p)
			}
			if !p.Sealed([]byte("a key")) || p.Sealed([]byte("another")) || p.Sealed(nil) {
				t.Error("the seal is anybody's")
			}
		})
		t.Run("white space is nothing: "+form, func(t *testing.T) {
			if p := prove(t, append([]byte("\n  "), append(file, "\r\n\n"...)...)); len(p.Wrong) > 0 {
				t.Error(p.Wrong)
			}
		})
		t.Run("any byte that is changed shows, wherever it stands: "+form, func(t *testing.T) {
			for at := 0; at < len(file); at += 37 {
				changed := bytes.Clone(file)
				if changed[at] ^= 1; strings.ContainsRune(" \n", rune(file[at])) || strings.ContainsRune(" \n", rune(changed[at])) {
					continue // JSON may be indented otherwise
				}
				p, err := Prove(changed)
				if err == nil && len(p.Wrong) == 0 && p.Sealed([]byte("a key")) {
					t.Fatalf("byte %d: %q became %q", at, around(file, at), around(changed, at))
				}
			}
		})
	}
	t.Run("who changes a report and computes its digest anew cannot seal it", func(t *testing.T) {
		forger := Build(full())
		forger.key, forger.Users.Quarantined = []byte("a guess"), 0
		for _, form := range []string{"json", "html"} {
			if p := prove(t, text(t, forger, form)); len(p.Wrong) > 0 || p.Sealed([]byte("a key")) {
				t.Errorf("%s: %v", form, p.Wrong)
			}
		}
	})
	t.Run("a page of one report with the data of another is wrong", func(t *testing.T) {
		other := Build(full())
		other.Users.Migrated++
		data, _, err := embedded(text(t, other, "html"))
		if err != nil {
			t.Fatal(err)
		}
		mine, _, err := embedded(files["html"])
		if err != nil {
			t.Fatal(err)
		}
		if p := prove(t, bytes.Replace(files["html"], mine, data, 1)); len(p.Wrong) != 1 || !strings.HasPrefix(p.Wrong[0], "page: ") {
			t.Errorf("%v", p.Wrong)
		}
	})
	t.Run("a page whose digest stands elsewhere is wrong", func(t *testing.T) {
		page := string(files["html"])
		from := strings.Index(page, pageOpens)
		to := from + strings.Index(page[from:], pageCloses) + len(pageCloses)
		moved := strings.Replace(page[:from]+page[to:], "<main", page[from:to]+"<main", 1)
		if p := prove(t, []byte(moved)); len(p.Wrong) != 1 || !strings.HasPrefix(p.Wrong[0], "page: ") {
			t.Errorf("%v", p.Wrong)
		}
	})
	t.Run("what is no report cannot be proved", func(t *testing.T) {
		for _, file := range []string{"", "{}", "[]", "<html></html>", `{"migration":"m"}`, string(files["json"][:200]), dataOpens + "{}" + dataCloses} {
			if p, err := Prove([]byte(file)); err == nil {
				t.Errorf("%.30s: %+v", file, p)
			}
		}
	})
	t.Run("a report without a digest is not proved", func(t *testing.T) {
		if p := prove(t, []byte(`{"migration":"m","verdict":"clean"}`)); len(p.Wrong) != 1 || p.Sealed([]byte("a key")) {
			t.Errorf("%+v", p)
		}
	})
}

func around(file []byte, at int) []byte { return file[max(0, at-20):min(len(file), at+20)] }

func TestDifferences(t *testing.T) {
	file := text(t, Build(full()), "json")
	differ := func(change func(*Report)) []string {
		now := Build(full())
		change(now)
		out, err := prove(t, file).Differences(now)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	t.Run("what differs is told key by key", func(t *testing.T) {
		got := differ(func(r *Report) {
			r.Users.Migrated++
			r.Tables[1].Written = 7
			r.Discarded = nil
			r.Accepted = "the site was off"
			r.Begun = nil
		})
		want := []string{
			`accept_unproved: nothing in the file, "the site was off" by now`, `begun: an object in the file, nothing by now`, `discarded: a list of 1 in the file, a list of 0 by now`,
			`tables[app.posts].written: 1234560000 in the file, 7 by now`, `users.migrated: 12345600 in the file, 12345601 by now`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("who made it and when is no difference", func(t *testing.T) {
		if got := differ(func(r *Report) { r.Made = &Made{At: "now"} }); len(got) > 0 {
			t.Error(got)
		}
	})
	t.Run("a key that a newer release has added is none either, and a value that it says otherwise is", func(t *testing.T) {
		older := bytes.Replace(file, []byte(`"consistency": "converged",`), nil, 1)
		now := Build(full())
		now.Rehome, now.Verdict = "2.0.0", "clean"
		got, err := prove(t, older).Differences(now)
		if err != nil || !slices.Equal(got, []string{`verdict: "unclean" in the file, "clean" by now`}) {
			t.Error(got, err)
		}
		now.Rehome = "1.0.0"
		if got, _ := prove(t, older).Differences(now); len(got) != 2 {
			t.Error(got)
		}
	})
}
