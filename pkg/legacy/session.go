package legacy

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/go-sql-driver/mysql"
)

// session makes every connection read the same values from every server, by variables that need no privilege. Division by zero warns instead of becoming a silent
// NULL; zero dates stay comparable, so NO_ZERO_DATE is off. Notes (an index that a comparison cannot use) are no warnings.
// What a range of an index leads to is read in the order in which it is stored (mrr). What stands in comments is for MariaDB (M!) or MySQL (!50712) alone.
var session = []string{
	`SET NAMES utf8mb4 COLLATE utf8mb4_bin`,
	`SET SESSION sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO',
		time_zone = '+00:00',
		net_read_timeout = 600,
		net_write_timeout = 600,
		lock_wait_timeout = 60,
		innodb_lock_wait_timeout = 60,
		optimizer_switch = 'derived_merge=on,mrr=on,mrr_cost_based=off',
		max_seeks_for_key = 1,
		sql_notes = 0
		/*M! , max_statement_time = 0, in_predicate_conversion_threshold = 0 */
		/*!50712 , max_execution_time = 0, range_optimizer_max_mem_size = 0 */`,
	`SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`,
}

// A strictConnector makes connections whose session is set as session says, and that keep their statements prepared. The configuration
// is that of the driver's connector, and dials by dial.
type strictConnector struct {
	driver.Connector
	config *mysql.Config
}

// Connect opens a connection and sets its session.
func (c strictConnector) Connect(ctx context.Context) (driver.Conn, error) {
	var below *tap
	conn, err := c.Connector.Connect(withTap(ctx, &below))
	if err != nil {
		return nil, err
	}
	strict, ok := conn.(strictConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("set the session: a %T cannot", conn), conn.Close())
	}
	for _, statement := range session {
		if _, err := strict.ExecContext(ctx, statement, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("set the session: %w", err), conn.Close())
		}
	}
	return &keeper{strictConn: strict, wire: below.wire(c.config), kept: map[asked]io.Closer{}}, nil
}
