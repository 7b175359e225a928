package legacy

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"rehome/pkg/mapping"
	"rehome/pkg/value"
)

// Catalog reads the base tables of the database, from information_schema, with a Resolver that asks this database.
func (db *DB) Catalog(ctx context.Context) (*mapping.LegacyCatalog, error) {
	c := &mapping.LegacyCatalog{Server: db.Server()}
	c.Resolve = &resolver{db, c}
	for _, read := range []func(context.Context, *mapping.LegacyCatalog) error{db.tables, db.columns, db.indexes} {
		if err := read(ctx, c); err != nil {
			return nil, failed(err, "read the catalog of the legacy database at %s", db.address)
		}
	}
	return c, nil
}

func (db *DB) tables(ctx context.Context, c *mapping.LegacyCatalog) error {
	rows, err := db.pool.QueryContext(ctx, `
		SELECT TABLE_NAME, COALESCE(ENGINE, ''), COALESCE(TABLE_ROWS, 0)
		FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
		ORDER BY TABLE_NAME`, db.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var t mapping.LegacyTable
		if err := rows.Scan(&t.Name, &t.Engine, &t.Rows); err != nil {
			return err
		}
		c.Tables = append(c.Tables, t)
	}
	return rows.Err()
}

// CatalogOf reads the columns and primary keys of the tables, by their exact names, in one round trip. The catalog has nothing else, and no
// Resolver; a table that is not there, or is a view by now, is not in it.
func (db *DB) CatalogOf(ctx context.Context, tables []string) (*mapping.LegacyCatalog, error) {
	c := &mapping.LegacyCatalog{Server: db.Server()}
	if err := db.some(ctx, c, tables); err != nil {
		return nil, failed(err, "read the catalog of %d tables of the legacy database at %s", len(tables), db.address)
	}
	return c, nil
}

// ofTable reads one table, by constants, so that the server looks at no other: what it is, its columns, and those of its primary key.
const ofTable = `
	SELECT 0 AS part, 0 AS position, TABLE_NAME, '' AS COLUMN_NAME, '' AS DATA_TYPE, '' AS COLUMN_TYPE, '' AS IS_NULLABLE, '' AS EXTRA,
		NULL AS CHARACTER_SET_NAME, NULL AS COLLATION_NAME, NULL AS GENERATION_EXPRESSION, NULL AS CHARACTER_MAXIMUM_LENGTH,
		NULL AS NUMERIC_PRECISION, NULL AS NUMERIC_SCALE, NULL AS DATETIME_PRECISION
	FROM information_schema.TABLES
	WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
	UNION ALL
	SELECT 1, ORDINAL_POSITION, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME,
		GENERATION_EXPRESSION, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION
	FROM information_schema.COLUMNS
	WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?
	UNION ALL
	SELECT 2, SEQ_IN_INDEX, TABLE_NAME, COLUMN_NAME, '', '', '', '', NULL, NULL, NULL, NULL, NULL, NULL, NULL
	FROM information_schema.STATISTICS
	WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY'`

func (db *DB) some(ctx context.Context, c *mapping.LegacyCatalog, tables []string) error {
	var args []any
	for _, table := range tables {
		args = append(args, db.name, table, db.name, table, db.name, table)
	}
	rows, err := db.pool.QueryContext(ctx, repeat(ofTable, " UNION ALL ", len(tables)), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	type part struct {
		part, position int
		described
	}
	var parts []part
	for rows.Next() {
		var p part
		if err := rows.Scan(append([]any{&p.part, &p.position}, p.places()...)...); err != nil {
			return err
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.position, b.position)) })
	for _, p := range parts {
		if p.part == 0 {
			c.Tables = append(c.Tables, mapping.LegacyTable{Name: p.table})
		}
	}
	known := byName(c)
	for _, p := range parts {
		switch t := known[p.table]; {
		case t == nil:
		case p.part == 1:
			t.Columns = append(t.Columns, p.column())
		case p.part == 2:
			t.PrimaryKey = append(t.PrimaryKey, p.name)
		}
	}
	return rows.Err()
}

// A described is a column as information_schema has it.
type described struct {
	table, name, dataType, columnType, nullable, extra string
	charset, collation, generation                     sql.NullString
	length, precision, scale, fraction                 sql.NullInt64
}

// places is where a row of information_schema.COLUMNS goes.
func (d *described) places() []any {
	return []any{&d.table, &d.name, &d.dataType, &d.columnType, &d.nullable, &d.extra, &d.charset, &d.collation,
		&d.generation, &d.length, &d.precision, &d.scale, &d.fraction}
}

func (db *DB) columns(ctx context.Context, c *mapping.LegacyCatalog) error {
	rows, err := db.pool.QueryContext(ctx, `
		SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, EXTRA, CHARACTER_SET_NAME, COLLATION_NAME,
			GENERATION_EXPRESSION, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION
		FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = ?
		ORDER BY TABLE_NAME, ORDINAL_POSITION`, db.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	tables := byName(c)
	for rows.Next() {
		var d described
		if err := rows.Scan(d.places()...); err != nil {
			return err
		}
		if t := tables[d.table]; t != nil {
			t.Columns = append(t.Columns, d.column())
		}
	}
	return rows.Err()
}

func byName(c *mapping.LegacyCatalog) map[string]*mapping.LegacyTable {
	tables := make(map[string]*mapping.LegacyTable, len(c.Tables))
	for i := range c.Tables {
		tables[c.Tables[i].Name] = &c.Tables[i]
	}
	return tables
}

func (d described) column() mapping.LegacyColumn {
	return mapping.LegacyColumn{
		Name:      d.name,
		Type:      d.legacyType(),
		Collation: d.collation.String,
		Charset:   d.charset.String,
		Generated: d.generation.String != "" || strings.Contains(strings.ToUpper(d.extra), " GENERATED"),
	}
}

// legacyType is the column's type: the length is in characters of text and digits of numbers, as both are declared.
func (d described) legacyType() value.LegacyType {
	t := value.LegacyType{
		Name:     strings.ToUpper(d.dataType),
		Unsigned: strings.Contains(d.columnType, "unsigned"),
		Length:   d.length.Int64,
		Decimals: int(d.fraction.Int64),
		Nullable: d.nullable == "YES",
	}
	if d.precision.Valid {
		t.Length = d.precision.Int64
	}
	if d.scale.Valid {
		t.Decimals = int(d.scale.Int64)
	}
	t.Binary = binaryTypes[t.Name]
	return t
}

// binaryTypes are the types whose values are bytes.
var binaryTypes = map[string]bool{
	"BINARY": true, "VARBINARY": true, "TINYBLOB": true, "BLOB": true, "MEDIUMBLOB": true, "LONGBLOB": true, "BIT": true,
	"GEOMETRY": true, "POINT": true, "LINESTRING": true, "POLYGON": true, "MULTIPOINT": true, "MULTILINESTRING": true, "MULTIPOLYGON": true,
	"GEOMETRYCOLLECTION": true, "GEOMCOLLECTION": true, "VECTOR": true,
}

func (db *DB) indexes(ctx context.Context, c *mapping.LegacyCatalog) error {
	rows, err := db.pool.QueryContext(ctx, `
		SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COALESCE(COLUMN_NAME, '')
		FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = ? AND (INDEX_TYPE = 'BTREE' OR INDEX_NAME = 'PRIMARY')
		ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`, db.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	tables := byName(c)
	for rows.Next() {
		var table, index, column string
		var position int
		if err := rows.Scan(&table, &index, &position, &column); err != nil {
			return err
		}
		if t := tables[table]; t != nil {
			addIndexed(t, index, position, column)
		}
	}
	return rows.Err()
}

// addIndexed adds the next column of an index; the columns of an index come one after the other.
func addIndexed(t *mapping.LegacyTable, index string, position int, column string) {
	if position == 1 {
		t.Indexes = append(t.Indexes, nil)
	}
	last := len(t.Indexes) - 1
	t.Indexes[last] = append(t.Indexes[last], column)
	if index == "PRIMARY" {
		t.PrimaryKey = append(t.PrimaryKey, column)
	}
}
