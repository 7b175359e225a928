package value

import (
	"fmt"
	"testing"
)

func TestEntityMatchesTheVector(t *testing.T) {
	id := NewEntity("community", "user").ID([]byte("1"))
	if got := fmt.Sprintf("%x", id); got != "2290c634b71f5ad582dc8667044d17d8" {
		t.Errorf("got %s", got)
	}
}

func TestBasics(t *testing.T) {
	for _, x := range []struct{ from, to, in, want string }{
		{"INT", "integer", "-5", "fffffffb"},
		{"BIGINT", "bigint", "9223372036854775807", "7fffffffffffffff"},
		{"TINYINT", "boolean", "1", "01"},
		{"VARCHAR", "text", "ab", "6162"},
		{"DATE", "date", "2000-01-02", "00000001"},
		{"DATETIME", "timestamp without time zone", "2000-01-01 00:00:01", "00000000000f4240"},
		{"TIMESTAMP", "timestamp with time zone", "1999-12-31 23:59:59.5", "fffffffffff85ee0"},
		{"CHAR", "uuid", "2290c634-b71f-5ad5-82dc-8667044d17d8", "2290c634b71f5ad582dc8667044d17d8"},
	} {
		p, err := Compile(LegacyType{Name: x.from}, TargetType{Name: x.to, Typmod: -1}, Rules{})
		if err != nil {
			t.Error(err)
			continue
		}
		out, null, hit, fault := p.Append(nil, Cell(x.in))
		if fmt.Sprintf("%x", out) != x.want || null || hit != 0 || fault != "" {
			t.Errorf("%v: %x %v %v %v", x, out, null, hit, fault)
		}
	}
}
