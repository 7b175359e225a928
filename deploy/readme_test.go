package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/pkg/mapping"
)

func TestReadme(t *testing.T) {
	t.Run("its migration.yaml is one", func(t *testing.T) {
		readme, err := os.ReadFile("../README.md")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(readme), "```yaml\n")
		source, _, found := strings.Cut(after, "```\n")
		if !found {
			t.Fatal("README.md shows no migration.yaml")
		}
		environment := func(string) (string, bool) { return "mysql://user@host/database", true }
		if _, faults := mapping.Parse("README.md", []byte(source), environment); len(faults) > 0 {
			t.Error(faults.Err())
		}
	})
	t.Run("its map names files that are there", func(t *testing.T) {
		readme, err := os.ReadFile("../README.md")
		if err != nil {
			t.Fatal(err)
		}
		_, section, _ := strings.Cut(string(readme), "### The way of a shard")
		section, _, _ = strings.Cut(section, "\nImports go downward")
		looked, room := 0, ""
		for i, quoted := range strings.Split(section, "`") {
			if i%2 == 0 || !strings.HasPrefix(quoted, "pkg/") && !strings.HasSuffix(quoted, ".go") {
				continue
			}
			if strings.HasPrefix(quoted, "pkg/") && !strings.HasSuffix(quoted, ".go") {
				room = quoted
				continue
			}
			if at := strings.LastIndex(quoted, "/"); at >= 0 {
				room, quoted = quoted[:at], quoted[at+1:]
			}
			looked++
			if found, err := filepath.Glob(filepath.Join("..", room, quoted)); err != nil || len(found) == 0 {
				t.Errorf("%s/%s is not there", room, quoted)
			}
		}
		if looked < 20 {
			t.Errorf("only %d files are named", looked)
		}
	})
}
