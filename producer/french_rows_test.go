package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// A frenchTable says where the rows of a legacy table are to be found in the target, and what each column should hold there.
type frenchTable struct {
	from, into string
	user       string   // the column with the user that a row belongs to
	posts      []string // the columns with posts that a row needs
	users      []string // the columns with further users that a row needs
	leave      bool     // a row whose post is gone is left out; else it arrives without it
	ignored    []string
	columns    map[string]frenchColumn
}

// A frenchColumn computes a value of the target from the legacy row: nil, string, int64, bool, time.Time or uuid.UUID.
type frenchColumn func(*frenchSite, frenchRow) any

var frenchTables = []frenchTable{
	{
		from: "users", into: "app.users", user: "Id", ignored: []string{"Age"},
		columns: map[string]frenchColumn{
			"id": named("user", "Id"), "legacy_id": number("Id"), "account_id": number("AccountId"), "handle": handle,
			"reputation": number("Reputation"), "joined_at": instant("CreationDate"), "seen_at": instant("LastAccessDate"),
			"website": trimmed("WebsiteUrl"), "location": trimmed("Location"), "about": filled("AboutMe"), "avatar": text("ProfileImageUrl"),
			"views": number("Views"), "up_votes": number("UpVotes"), "down_votes": number("DownVotes"),
		},
	}, {
		from: "posts", into: "app.posts", user: "OwnerUserId", posts: []string{"ParentId", "AcceptedAnswerId"}, users: []string{"LastEditorUserId"},
		columns: map[string]frenchColumn{
			"id": named("post", "Id"), "legacy_id": number("Id"), "parent_id": named("post", "ParentId"),
			"kind":               oneOf("PostTypeId", map[string]string{"1": "question", "2": "answer", "4": "tag excerpt", "5": "tag wiki"}),
			"accepted_answer_id": named("post", "AcceptedAnswerId"), "author_id": named("user", "OwnerUserId"), "author_name": text("OwnerDisplayName"),
			"created_at": instant("CreationDate"), "score": number("Score"), "views": number("ViewCount"), "body": text("Body"), "title": text("Title"),
			"tags": text("Tags"), "editor_id": named("user", "LastEditorUserId"), "editor_name": text("LastEditorDisplayName"),
			"edited_at": instant("LastEditDate"), "active_at": instant("LastActivityDate"), "wiki_at": instant("CommunityOwnedDate"),
			"closed_at": instant("ClosedDate"), "answers": number("AnswerCount"), "comments": number("CommentCount"),
			"favorites": number("FavoriteCount"), "license": text("ContentLicense"),
		},
	}, {
		from: "comments", into: "app.comments", user: "UserId", posts: []string{"PostId"},
		columns: map[string]frenchColumn{
			"id": named("comment", "Id"), "post_id": named("post", "PostId"), "author_id": named("user", "UserId"), "author_name": text("UserDisplayName"),
			"score": number("Score"), "body": text("Text"), "created_at": instant("CreationDate"), "license": text("ContentLicense"),
		},
	}, {
		from: "badges", into: "app.badges", user: "UserId",
		columns: map[string]frenchColumn{
			"id": named("badge", "Id"), "user_id": named("user", "UserId"), "name": text("Name"), "earned_at": instant("Date"),
			"class": oneOf("Class", map[string]string{"1": "gold", "2": "silver", "3": "bronze"}), "tag_based": flag("TagBased"),
		},
	}, {
		from: "votes", into: "app.votes", user: "UserId", posts: []string{"PostId"},
		columns: map[string]frenchColumn{
			"id": named("vote", "Id"), "post_id": postStillThere, "voter_id": named("user", "UserId"),
			"kind": oneOf("VoteTypeId", map[string]string{
				"1": "accepted", "2": "up", "3": "down", "5": "favorite", "6": "close", "10": "deletion", "15": "review", "16": "edit approved",
			}),
			"bounty": number("BountyAmount"), "cast_on": day("CreationDate"),
		},
	}, {
		from: "post_history", into: "app.history", user: "UserId", posts: []string{"PostId"},
		columns: map[string]frenchColumn{
			"id": named("history", "Id"), "post_id": named("post", "PostId"), "revision": spelled("RevisionGUID"), "kind": number("PostHistoryTypeId"),
			"author_id": named("user", "UserId"), "author_name": text("UserDisplayName"), "created_at": instant("CreationDate"),
			"comment": text("Comment"), "body": text("Text"), "close_reason": number("CloseReasonId"), "license": text("ContentLicense"),
		},
	}, {
		from: "post_links", into: "app.links", posts: []string{"PostId", "RelatedPostId"}, leave: true,
		columns: map[string]frenchColumn{
			"id": named("link", "Id"), "post_id": named("post", "PostId"), "related_id": named("post", "RelatedPostId"),
			"kind": oneOf("LinkTypeId", map[string]string{"1": "related", "3": "duplicate"}), "created_at": instant("CreationDate"),
		},
	}, {
		from: "tags", into: "app.tags", posts: []string{"ExcerptPostId", "WikiPostId"},
		columns: map[string]frenchColumn{
			"id": number("Id"), "name": text("TagName"), "uses": number("Count"), "excerpt_id": named("post", "ExcerptPostId"),
			"wiki_id": named("post", "WikiPostId"), "moderator_only": flag("IsModeratorOnly"), "required": flag("IsRequired"),
		},
	},
}

func frenchTableOf(from string) *frenchTable {
	return &frenchTables[slices.IndexFunc(frenchTables, func(t frenchTable) bool { return t.from == from })]
}

// of makes a column of what convert makes of a legacy column that is not NULL.
func of(column string, convert func(string) any) frenchColumn {
	return func(_ *frenchSite, r frenchRow) any {
		if cell, ok := r.get(column); ok {
			return convert(cell)
		}
		return nil
	}
}

func text(column string) frenchColumn { return of(column, func(cell string) any { return cell }) }

func filled(column string) frenchColumn {
	return of(column, func(cell string) any {
		if cell == "" {
			return nil
		}
		return cell
	})
}

func trimmed(column string) frenchColumn {
	return of(column, func(cell string) any {
		if cell = strings.TrimSpace(cell); cell == "" {
			return nil
		}
		return cell
	})
}

func number(column string) frenchColumn {
	return of(column, func(cell string) any { return must(strconv.ParseInt(cell, 10, 64)) })
}

func instant(column string) frenchColumn {
	return of(column, func(cell string) any { return must(time.Parse("2006-01-02 15:04:05.000", cell)) })
}

func day(column string) frenchColumn {
	return of(column, func(cell string) any { return must(time.Parse(time.DateOnly, strings.TrimSuffix(cell, " 00:00:00"))) })
}

func spelled(column string) frenchColumn {
	return of(column, func(cell string) any { return must(uuid.Parse(cell)) })
}

func oneOf(column string, names map[string]string) frenchColumn {
	return of(column, func(cell string) any { return names[cell] })
}

// flag is false where the legacy value is NULL.
func flag(column string) frenchColumn {
	return func(_ *frenchSite, r frenchRow) any {
		cell, _ := r.get(column)
		return cell == "1"
	}
}

func named(entity, column string) frenchColumn {
	space := uuid.NewSHA1(uuid.MustParse("6ba7b812-9dad-11d1-80b4-00c04fd430c8"), []byte("rehome:french:"+entity))
	return of(column, func(cell string) any { return uuid.NewSHA1(space, []byte(cell)) })
}

func postStillThere(s *frenchSite, r frenchRow) any {
	if post, _ := r.get("PostId"); s.posts[post] == "" {
		return nil
	}
	return named("post", "PostId")(s, r)
}

func handle(s *frenchSite, r frenchRow) any {
	id, _ := r.get("Id")
	name, _ := r.get("DisplayName")
	for _, other := range s.rows["users"] {
		otherID, _ := other.get("Id")
		if otherName, _ := other.get("DisplayName"); otherID != id && strings.EqualFold(otherName, name) {
			return name + "-" + id
		}
		if otherID == id {
			break // the rows are in order of Id
		}
	}
	return name
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// compare finds each column of each row that differs between the target and what the legacy database makes one expect.
func (s *frenchSite) compare(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for i := range frenchTables {
		table := &frenchTables[i]
		t.Run(table.from+" in "+table.into, func(t *testing.T) {
			got := storedRows(t, conn, table.into)
			for _, row := range s.rows[table.from] {
				want := map[string]any{}
				for name, column := range table.columns {
					want[name] = column(s, row)
				}
				stored := got[want["id"]]
				delete(got, want["id"])
				if s.fate(table, row) != written {
					want = nil
				}
				if diff := cmp.Diff(want, stored); diff != "" {
					t.Fatalf("a row differs (-legacy +target):\n%s", diff)
				}
			}
			if len(got) > 0 {
				t.Errorf("%d rows that the legacy database does not have, one of them %v", len(got), slices.Collect(maps.Values(got))[0])
			}
			s.readAll(t, table)
		})
	}
}

// readAll makes sure that no legacy column was overlooked.
func (s *frenchSite) readAll(t *testing.T, table *frenchTable) {
	row := s.rows[table.from][0]
	for name := range row.cells {
		if row.seen[name] == slices.Contains(table.ignored, name) {
			t.Errorf("the legacy column %s is compared: %t", name, row.seen[name])
		}
	}
}

// storedRows returns the rows of a target table by their id.
func storedRows(t *testing.T, conn *pgx.Conn, table string) map[any]map[string]any {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		t.Fatal(fmt.Errorf("read %s: %w", table, err))
	}
	out := map[any]map[string]any{}
	for _, row := range found {
		for name, value := range row {
			row[name] = plain(value)
		}
		out[row["id"]] = row
	}
	return out
}

// plain gives a value of the driver the type that a frenchColumn has.
func plain(value any) any {
	switch v := value.(type) {
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case [16]byte:
		return uuid.UUID(v)
	case time.Time:
		return v.UTC()
	}
	return value
}
