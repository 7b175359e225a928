package mapping

import "testing"

func TestSuggest(t *testing.T) {
	keys := []string{"into", "from", "user", "key", "where", "unowned", "columns", "written_by_target", "of"}
	for _, test := range []struct{ name, word, want string }{
		{"a missing letter", "colums", "columns"},
		{"a letter too many", "wheree", "where"},
		{"a wrong letter", "kez", "key"},
		{"two letters swapped", "form", "from"},
		{"another case", "WHERE", "where"},
		{"several slips in a long word", "writen_by_targt", "written_by_target"},
		{"the nearest of two", "uner", "user"},
		{"no near one", "triggers", ""},
		{"nothing in common, though short", "xy", ""},
		{"the word itself is no slip of itself", "from", ""},
		{"nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Suggest(test.word, keys); got != test.want {
				t.Errorf("%s: got %q, want %q", test.word, got, test.want)
			}
		})
	}
}
