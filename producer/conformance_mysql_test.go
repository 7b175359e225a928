//go:build mysql

package main_test

// ownPassages are those of types that MySQL alone has; its JSON is a document that has no name twice.
var ownPassages = []passage{
	{"JSON", "jsonb", "", []arrival{{`'{"a": 1, "a": 2}'`, `{"a": 2}`}, {`'{"n": 1.10}'`, `{"n": 1.1}`}, {`'"\\u0000"'`, "!json_nul"}}},
	{"JSON", "json", "", []arrival{{`'{"bb" :1, "a": [ ]}'`, `{"a": [], "bb": 1}`}}},
	{"VECTOR(2)", "text", "VECTOR_TO_STRING(v)", []arrival{{"STRING_TO_VECTOR('[1,-2]')", "[1.00000e+00,-2.00000e+00]"}}},
	{"DOUBLE", "double precision", "", []arrival{{"0e0 * -1", "-0"}}},
	{"GEOMETRY SRID 4326", "text", "ST_AsText(v)", []arrival{{"ST_GeomFromText('POINT(1 2)', 4326)", "POINT(1 2)"}}},
}
