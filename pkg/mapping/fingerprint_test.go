package mapping

import "testing"

func TestTheFingerprintIsOfWhatTheMappingUses(t *testing.T) {
	print := func(t *testing.T, change func(*LegacyCatalog, *TargetCatalog)) string {
		t.Helper()
		from, to := legacyWorld(), targetWorld()
		change(from, to)
		return Fingerprint(compiled(t), from, to)
	}
	same := print(t, func(*LegacyCatalog, *TargetCatalog) {})
	for name, change := range map[string]func(*LegacyCatalog, *TargetCatalog){
		"rows and indexes": func(c *LegacyCatalog, _ *TargetCatalog) {
			c.Table("posts").Rows, c.Table("posts").Indexes = 1_000, nil
		},
		"a table that nobody reads": func(c *LegacyCatalog, _ *TargetCatalog) { c.Table("sessions").Columns = nil },
		"a table that nobody feeds": func(_ *LegacyCatalog, c *TargetCatalog) {
			c.Tables = append(c.Tables, targetTable("other", TargetColumn{Name: "id", Type: uuidType}))
		},
		"constraints": func(_ *LegacyCatalog, c *TargetCatalog) {
			c.Table("app.posts").ForeignKeys, c.Table("app.posts").Uniques = nil, nil
		},
		"the order of tables": func(c *LegacyCatalog, _ *TargetCatalog) { c.Tables[0], c.Tables[1] = c.Tables[1], c.Tables[0] },
	} {
		t.Run(name+" is not in it", func(t *testing.T) {
			if print(t, change) != same {
				t.Error("the fingerprint has changed")
			}
		})
	}
	for name, change := range map[string]func(*LegacyCatalog, *TargetCatalog){
		"a legacy column's type": func(c *LegacyCatalog, _ *TargetCatalog) { c.Table("posts").Column("user_id").Type.Name = "BIGINT" },
		"a joined table's collation": func(c *LegacyCatalog, _ *TargetCatalog) {
			c.Table("countries").Column("code").Collation = "utf8mb4_bin"
		},
		"a primary key":          func(c *LegacyCatalog, _ *TargetCatalog) { c.Table("tags").PrimaryKey = []string{"name"} },
		"a target column's type": func(_ *LegacyCatalog, c *TargetCatalog) { c.Table("app.tags").Column("name").Type = int4Type },
		"a target default":       func(_ *LegacyCatalog, c *TargetCatalog) { c.Table("app.posts").Column("seen").Default = "1" },
		"NOT NULL":               func(_ *LegacyCatalog, c *TargetCatalog) { c.Table("app.posts").Column("author_id").NotNull = true },
	} {
		t.Run(name+" is in it", func(t *testing.T) {
			if print(t, change) == same {
				t.Error("the fingerprint is the same")
			}
		})
	}
	t.Run("a table that users.from joins is in it", func(t *testing.T) {
		c := compiled(t, "{from: users, key: id}", "{from: users JOIN sessions ON sessions.id = users.name, key: users.id}")
		from := legacyWorld()
		before := Fingerprint(c, from, targetWorld())
		from.Table("sessions").Columns[0].Type.Name = "CHAR"
		if Fingerprint(c, from, targetWorld()) == before {
			t.Error("the fingerprint is the same")
		}
	})
}

func TestCatalogsFindTables(t *testing.T) {
	from := &LegacyCatalog{Tables: []LegacyTable{{Name: "Users"}, {Name: "users"}}}
	if from.Table("users") != &from.Tables[1] || from.Table("USERS") != &from.Tables[0] || from.Table("user") != nil {
		t.Error("the exact name comes first, then any case")
	}
	to := &TargetCatalog{Tables: []TargetTable{{Schema: "app", Name: "users"}, {Schema: "public", Name: "users"}}}
	if to.Table("users") != &to.Tables[1] || to.Table("public.users") != &to.Tables[1] || to.Table("app.users") != &to.Tables[0] || to.Table("App.users") != nil {
		t.Error("names of the target count with their case, and public may be left out")
	}
}
