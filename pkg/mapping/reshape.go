package mapping

// Reshapes lists, as Changes does, what of a mapping's shape another has otherwise, so that what has arrived by the one could not be compared
// with what the other makes of the same users: their keys, the waves, the tables and their row sources, the columns that are fed, and by
// what the rows are named. What becomes of values, and of rows, is no shape.
func Reshapes(old, now *File) []string {
	return Changes(silhouette(old), silhouette(now))
}

// silhouette returns a copy of the file that has its shape alone.
func silhouette(f *File) *File {
	whole, err := Decode(Canonical(f))
	if err != nil {
		panic(err) // Canonical writes what Decode reads
	}
	out := &File{Name: whole.Name, Namespace: whole.Namespace, Users: Users{From: whole.Users.From, Key: whole.Users.Key}, Waves: whole.Waves, Ordered: whole.Ordered}
	for _, e := range whole.Tables {
		bare := Entry{Into: e.Into, From: e.From, User: e.User, Key: e.Key, Many: e.Many}
		for _, c := range e.Columns {
			column := Column{Name: c.Name}
			if c.UUID != nil {
				column.UUID = &UUID{Entity: c.UUID.Entity, Of: c.UUID.Of}
			}
			bare.Columns = append(bare.Columns, column)
		}
		if g := e.Gather; g != nil {
			bare.Gather = &Gather{From: g.From, User: g.User}
			for _, c := range g.Columns {
				bare.Gather.Columns = append(bare.Gather.Columns, GatherColumn{Name: c.Name})
			}
			if g.Keep != nil {
				bare.Gather.Keep = &Keep{Into: g.Keep.Into}
			}
		}
		out.Tables = append(out.Tables, bare)
	}
	return out
}
