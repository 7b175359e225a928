package report

import (
	"fmt"
	"strings"
)

// Subject is what a cause is about, TABLE.COLUMN or TABLE.
func Subject(cause string) string {
	_, about, _ := strings.Cut(cause, ":")
	return about
}

// again ends every advice that changes the mapping or the legacy data.
const again = "; then producer run does the user again."

// A kindOfCause is what a kind of causes means to who does not know the databases, and what to do about it; %s is TABLE.COLUMN.
type kindOfCause struct{ meaning, remedy string }

var kindsOfCauses = map[string]kindOfCause{
	"values":       {"a value for which the mapping lists no new one", "Add the value to values of %s in the mapping, or say otherwise"},
	"not_null":     {"no value where the new schema requires one", "Give %s an if_null in the mapping"},
	"unique":       {"the same value twice where the new schema allows it once", "Another row has the key of %s: change one of the two in the legacy database, or have the mapping make them differ"},
	"check":        {"a value that a rule of the new schema refuses", "Correct the row in the legacy database, or have the mapping make what %s of the target takes"},
	"exclusion":    {"two rows that the new schema does not allow beside one another", "Correct the row in the legacy database, or have the mapping make what %s of the target takes"},
	"foreign_key":  {"a reference to a row that is not in the new database", "The row that %s refers to is not in the target: declare missing for the reference in the mapping"},
	"trigger":      {"a trigger of the new database refuses the row", "A trigger of %s refuses the row: look at the trigger"},
	"unowned":      {"a row that belongs to no user", "Say unowned: migrate or leave for %s in the mapping"},
	"gather":       {"an attribute that the mapping does not know, or that is there twice", "Give the attribute a column of %s, keep it, or leave it, in the mapping"},
	"conflict":     {"a row of the new database that was not migrated has its key", "A row of %s that rehome has not brought has its key: aggregator audit --repair --on-conflict legacy puts the legacy database's in its place"},
	"warning":      {"a value that the legacy server itself reads with a warning only", "The legacy server warns when it reads the row for %s: have the expression say what becomes of such a value"},
	"row_too_wide": {"a row that is larger than what is allowed", "The row for %s is wider than max_row_bytes: raise it in the mapping"},
	"missing":      {"a reference to a row that the legacy database does not have", "Say what becomes of a reference of %s to a row that does not exist, by missing: to_null or leave, in the mapping"},
	"waits":        {"a reference to a row that has not arrived yet; it comes in with that", "If the row that %s refers to will never come, declare missing: to_null or leave in the mapping"},
	"zero_date":    {"a date of zeros, which is no day", ""},
	"partial_date": {"a date without its day or month", ""},
	"nul_byte":     {"a text with a zero byte, which the new database cannot hold", ""},
	"bad_text":     {"a text with bytes that are no letters", ""},
	"out_of_range": {"a number or a date that the new column cannot hold", ""},
	"too_long":     {"a text that is longer than the new column", ""},
	"json_nul":     {"a JSON document with a zero byte", ""},
	"altered":      {"the new database stored something else than was sent", "Something in the target changes rows of %s as they are written, such as a trigger: look at it"},
	"not_stored":   {"the new database did not store the row that was sent", "Something in the target keeps rows of %s out as they are written, such as a trigger or a rule: look at it"},
}

// Meaning says what a cause means, for who knows neither database.
func Meaning(cause string) string {
	kind, _, _ := strings.Cut(cause, ":")
	if known, ok := kindsOfCauses[kind]; ok {
		return known.meaning
	}
	return "a value of which the mapping does not say what becomes of it (" + kind + ")"
}

// Remedy says what to do about a cause, in a sentence.
func Remedy(cause string) string {
	kind, about, _ := strings.Cut(cause, ":")
	if text := kindsOfCauses[kind].remedy; text != "" {
		return fmt.Sprintf(text, about) + again
	}
	return fmt.Sprintf("Declare in the mapping what becomes of such a value of %s (%s); producer check --full suggests the line%s", about, kind, again)
}
