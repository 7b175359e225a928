package main_test

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A columnKind is a legacy type on its way to a target type by some rules, with a way to draw values of which it is known what becomes.
type columnKind struct {
	legacy, target string
	feed           string // what stands in the mapping, v for the legacy column
	draw           func(p *population) arrival
}

var wordV = regexp.MustCompile(`\bv\b`)

// kind draws a kind: one of the conformance suite's passages, whose values are written down there, or one with values of chance.
func (p *population) kind() columnKind {
	made := []func() columnKind{p.numberKind, p.textKind, p.dateKind, p.mapKind, p.nullKind}
	if n := p.IntN(2 * len(made)); n < len(made) {
		return made[n]()
	}
	return pick(p, passageKinds)
}

// passageKinds are the passages without what would be wide, or what the legacy server alone finds out.
var passageKinds = func() (out []columnKind) {
	for _, passage := range slices.Concat(numberPassages, timePassages, textPassages, otherPassages, ownPassages) {
		var good, bad []arrival
		for _, v := range passage.values {
			switch {
			case strings.Contains(v.in, "REPEAT") || v.out == "!warning":
			case strings.HasPrefix(v.out, "!"):
				bad = append(bad, v)
			default:
				good = append(good, v)
			}
		}
		if len(good) == 0 {
			continue
		}
		out = append(out, columnKind{passage.from, passage.to, cmp.Or(passage.column, "v"), func(p *population) arrival {
			if len(bad) > 0 && p.bad() {
				return pick(p, bad)
			}
			return pick(p, good)
		}})
	}
	return out
}()

// changed is a value that rules have changed.
func changed(in, out string, rules ...string) arrival {
	if len(rules) > 0 {
		out += " <- " + strings.Join(rules, " ")
	}
	return arrival{in, out}
}

// numberKind is numbers that may be too large for their column.
func (p *population) numberKind() columnKind {
	policy := pick(p, []string{"reject", "to_null", "clamp"})
	return columnKind{"BIGINT", "smallint", "{sql: v, out_of_range: " + policy + "}", func(p *population) arrival {
		n := int64(p.IntN(1<<16)) - 1<<15
		if p.bad() {
			n = pick(p, []int64{1 << 15, -1<<15 - 1, 1<<63 - 1, -1 << 63})
		}
		in := fmt.Sprint(n)
		switch {
		case -1<<15 <= n && n < 1<<15:
			return arrival{in, in}
		case policy == "to_null":
			return changed(in, "<null>", "out_of_range")
		case policy == "clamp":
			return changed(in, map[bool]string{true: "32767", false: "-32768"}[n > 0], "out_of_range")
		}
		return arrival{in, "!out_of_range"}
	}}
}

// textKind is hostile texts that are trimmed and may be too long.
func (p *population) textKind() columnKind {
	policy := pick(p, []string{"reject", "truncate"})
	return columnKind{"TEXT", "varchar(9)", "{sql: v, steps: [trim], too_long: " + policy + "}", func(p *population) arrival {
		text := p.text(9)
		if p.bad() {
			text += strings.Repeat("x", 10)
		}
		var rules []string
		trimmed := strings.Trim(text, " \t\n\u00a0\u2028")
		if trimmed != text {
			rules = append(rules, "trim")
		}
		if runes := []rune(trimmed); len(runes) > 9 {
			if policy == "reject" {
				return arrival{quoted(text), "!too_long"}
			}
			trimmed = string(runes[:9])
			rules = append(rules, "too_long")
		}
		return changed(quoted(text), trimmed, rules...)
	}}
}

// dateKind is dates, some of them zero or partial.
func (p *population) dateKind() columnKind {
	zero, partial := pick(p, []string{"reject", "to_null", `"1970-01-01"`}), pick(p, []string{"reject", "to_null", "first"})
	return columnKind{"DATE", "date", "{sql: v, zero_date: " + zero + ", partial_date: " + partial + "}", func(p *population) arrival {
		year, month, day := 1+p.IntN(9999), 1+p.IntN(12), 1+p.IntN(28)
		rule, policy := "", ""
		which := p.IntN(3)
		switch {
		case !p.bad():
		case which == 0:
			year, month, day, rule, policy = 0, 0, 0, "zero_date", strings.Trim(zero, `"`)
		case which == 1:
			month, rule, policy = 0, "partial_date", partial
		default:
			day, rule, policy = 0, "partial_date", partial
		}
		in := fmt.Sprintf("'%04d-%02d-%02d'", year, month, day)
		switch policy {
		case "":
			return arrival{in, in[1:11]}
		case "reject":
			return arrival{in, "!" + rule}
		case "to_null":
			return changed(in, "<null>", rule)
		case "first":
			return changed(in, fmt.Sprintf("%04d-%02d-%02d", year, max(1, month), max(1, day)), rule)
		}
		return changed(in, policy, rule)
	}}
}

// mapKind is codes, of which the map knows some.
func (p *population) mapKind() columnKind {
	otherwise := pick(p, []string{"reject", "keep", "to_null", "{to: other}"})
	return columnKind{"INT", "text", "{sql: v, values: {1: one, 2: two}, otherwise: " + otherwise + "}", func(p *population) arrival {
		in := pick(p, []string{"1", "2"})
		switch {
		case !p.bad():
			return changed(in, map[string]string{"1": "one", "2": "two"}[in], "values")
		case otherwise == "keep":
			return arrival{"-7", "-7"}
		case otherwise == "to_null":
			return changed("-7", "<null>", "values")
		case otherwise == "reject":
			return arrival{"-7", "!values"}
		}
		return changed("-7", "other", "values")
	}}
}

// nullKind is NULL where the target has no place for it, with or without a value in its place.
func (p *population) nullKind() columnKind {
	feed, out := "v", arrival{"NULL", "!not_null"}
	if p.toss(2) {
		feed, out = "{sql: v, if_null: none}", changed("NULL", "none", "if_null")
	}
	return columnKind{"VARCHAR(20)", "text NOT NULL", feed, func(p *population) arrival {
		if p.bad() {
			return out
		}
		text := p.text(5)
		return arrival{quoted(text), text}
	}}
}

// mailKind is what has to be unique, and is not always.
var mailKind = columnKind{"VARCHAR(60)", "text", "v", func(p *population) arrival {
	if p.toss(20) {
		return null
	}
	p.mails++
	mail := fmt.Sprintf("%d@x.example", p.mails)
	if p.bad() {
		mail = "1@x.example"
	}
	return arrival{"'" + mail + "'", mail}
}}

// A keyKind is the type of the users' key.
type keyKind struct {
	legacy string
	nobody string // a key of nobody, as SQL
	make   func(p *population, n int) (key, literal string)
	spell  func(p *population, r *record) string // the key of the record as another row may spell it
}

func asItIs(_ *population, r *record) string { return r.literal }

var keyKinds = []keyKind{
	{"BIGINT", "-77", func(p *population, n int) (string, string) {
		key := fmt.Sprint(int64(n)*1_000_003 + int64(p.IntN(1000)))
		return key, key
	}, asItIs},
	{"BIGINT UNSIGNED", "18446744073709551615", func(p *population, n int) (string, string) {
		key := fmt.Sprint(uint64(1)<<63 + uint64(n) - 8)
		return key, key
	}, asItIs},
	{"VARCHAR(20) COLLATE utf8mb4_general_ci", "'nobody'", func(p *population, n int) (string, string) {
		key := pick(p, []string{"Ann", "bob", "ZOE", "x y"}) + fmt.Sprint(n)
		return key, "'" + key + "'"
	}, func(p *population, r *record) string {
		key := pick(p, []func(string) string{strings.ToUpper, strings.ToLower, strings.TrimSpace})(r.key)
		return "'" + key + pick(p, []string{"", " "}) + "'"
	}},
	{"BINARY(16)", "X'ffffffffffffffffffffffffffffffff'", func(p *population, n int) (string, string) {
		raw := []byte("\x00\xfe'\\12345678901" + string(rune(n)))
		key := hex.EncodeToString(raw[:16])
		return key, "X'" + key + "'"
	}, asItIs},
}
