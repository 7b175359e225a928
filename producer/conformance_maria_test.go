//go:build !mysql

package main_test

// ownPassages are those of types that MariaDB alone has; its JSON is the text that was written.
var ownPassages = []passage{
	{"UUID", "uuid", "", []arrival{{"'2290C634-b71f-5ad5-82dc-8667044d17d8'", "2290c634-b71f-5ad5-82dc-8667044d17d8"}, null}},
	{"UUID", "text", "", []arrival{{"'2290C634-b71f-5ad5-82dc-8667044d17d8'", "2290c634-b71f-5ad5-82dc-8667044d17d8"}}},
	{"INET6", "inet", "", []arrival{{"'::'", "::/128"}, {"'2001:db8::1'", "2001:db8::1/128"}, {"'::ffff:10.0.0.1'", "::ffff:10.0.0.1/128"}, null}},
	{"INET4", "inet", "", []arrival{{"'10.0.0.1'", "10.0.0.1/32"}, {"'255.255.255.255'", "255.255.255.255/32"}}},
	{"INET6", "text", "", []arrival{{"'2001:DB8::1'", "2001:db8::1"}}},
	{"JSON", "jsonb", "", []arrival{{`'{"a": 1, "a": 2}'`, "!json_duplicate"}, {`'{"a":{"b":[1.10]}}'`, `{"a": {"b": [1.10]}}`}}},
	{"JSON", "json", "", []arrival{{`'{"a" :1, "a": 2}'`, `{"a" :1, "a": 2}`}}},
}
