package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"rehome/pkg/keyspace"
)

// plainKey matches the keys that may leave the ledger as they are: numbers and UUIDs.
var plainKey = regexp.MustCompile(`^(-?[0-9]{1,20}|(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))$`)

// Show returns a canonical key as it may leave the ledger: a number or a UUID as it is, anything else as a hash keyed with the
// migration's secret. The columns of a key are shown one by one, joined by a slash.
func (m *Migration) Show(key []byte) string {
	parts := strings.Split(string(key), "\x1f")
	for i, part := range parts {
		if !plainKey.MatchString(part) {
			mac := hmac.New(sha256.New, m.Secret)
			mac.Write([]byte(part))
			parts[i] = "hmac:" + hex.EncodeToString(mac.Sum(nil)[:16])
		}
	}
	return strings.Join(parts, "/")
}

// samples returns up to five keys for each cause, always the same: of its users, or, where it concerns rows without a user, of those rows.
func (l *Ledger) samples(ctx context.Context, m *Migration) (map[string][]string, error) {
	rows, err := l.pool.Query(ctx, `
		SELECT cause, user_key, legacy_key
		  FROM (SELECT cause, user_key, legacy_key, row_number() OVER (PARTITION BY cause ORDER BY user_key, legacy_key) AS place
		          FROM (SELECT cause, user_key, NULL::bytea AS legacy_key FROM rehome.user_state WHERE migration = $1 AND state = 'quarantined'
		                UNION
		                SELECT cause, user_key, CASE WHEN user_key IS NULL THEN legacy_key END FROM rehome.set_aside WHERE migration = $1
		                UNION
		                SELECT cause, user_key, CASE WHEN user_key IS NULL THEN legacy_key END FROM rehome.waiting WHERE migration = $1) AS each
		         WHERE user_key IS NOT NULL OR legacy_key IS NOT NULL) AS placed
		 WHERE place <= 5
		 ORDER BY cause, place`, m.Name)
	if err != nil {
		return nil, fmt.Errorf("look for sample keys of migration %s: %w", m.Name, err)
	}
	samples := map[string][]string{}
	var cause string
	var user, legacy []byte
	_, err = pgx.ForEachRow(rows, []any{&cause, &user, &legacy}, func() error {
		if user == nil {
			key, err := keyspace.Unmarshal(legacy)
			if err != nil {
				return err
			}
			user = key.Canonical()
		}
		samples[cause] = append(samples[cause], m.Show(user))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for sample keys of migration %s: %w", m.Name, err)
	}
	return samples, nil
}
