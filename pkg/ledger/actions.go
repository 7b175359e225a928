package ledger

import (
	"context"
	"fmt"
)

// Rights are what the session's role lacks, as statements for an administrator, to do what a person decides; none are lacking where the lists are empty.
type Rights struct {
	Role  string
	Pause []string // for Pause and Resume
	Dead  []string // for Republish and Discard
}

// Rights returns what the session's role lacks. It knows rights on whole tables and on columns.
func (l *Ledger) Rights(ctx context.Context) (r Rights, err error) {
	const query = `
		WITH needed (act, relation, privilege, columns) AS (VALUES
			('pause', 'control', 'INSERT', '{migration,version}'::text[]),
			('pause', 'control', 'UPDATE', '{version,paused,paused_at,rollback}'),
			('dead', 'migration', 'UPDATE', '{state,closing,position_closed,consistency}'),
			('dead', 'shard', 'UPDATE', '{generation,state,mapping_hash,failures,cause,error,trace_id,traceparent,trace_link,first_failed,last_failed,receipt,xid,tried_with,discarded,done_at}'),
			('dead', 'user_state', 'INSERT', '{migration,ordinal,generation,user_hash,user_key,state,cause}'),
			('dead', 'user_state', 'DELETE', NULL),
			('both', 'event', 'INSERT', '{migration,ordinal,generation,attempt,what,detail}')
		), lacking AS (
			SELECT n.act, format('GRANT %s%s ON rehome.%I TO %I', n.privilege, ' (' || array_to_string(n.columns, ', ') || ')', n.relation, current_user) AS statement
			  FROM needed n JOIN pg_class c ON c.relnamespace = to_regnamespace('rehome') AND c.relname = n.relation
			 WHERE CASE WHEN n.columns IS NULL THEN NOT has_table_privilege(c.oid, n.privilege)
			            ELSE EXISTS (SELECT FROM unnest(n.columns) AS u (name) WHERE NOT has_column_privilege(c.oid, u.name, n.privilege)) END
			UNION ALL
			SELECT 'both', format('GRANT USAGE ON SEQUENCE rehome.event_id TO %I', current_user)
			 WHERE NOT has_sequence_privilege(to_regclass('rehome.event_id'), 'USAGE')
		)
		SELECT current_user,
		       ARRAY(SELECT statement FROM lacking WHERE act IN ('pause', 'both')), ARRAY(SELECT statement FROM lacking WHERE act IN ('dead', 'both'))`
	if err := l.pool.QueryRow(ctx, query).Scan(&r.Role, &r.Pause, &r.Dead); err != nil {
		return r, fmt.Errorf("look up what the role may do to the ledger: %w", err)
	}
	return r, nil
}
