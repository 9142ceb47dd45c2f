//! Statistics of tables that have none yet.
//!
//! The server plans by its statistics of a table, and collects the first ones a minute or so after
//! the table was filled. Until then all indexes look alike to it, and the plans that connections keep
//! may walk whole tables. On an empty database under load, a login that was directed at a user took
//! twice as long (docs/adr/0030-lists-visit-few-rows.md).

use diesel::{QueryableByName, sql_types};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::Conn;
use crate::lite::JobResult;

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// Our tables that the server has never looked at, although they have rows. Only their owner may
/// make it look.
const UNKNOWN: &str = "SELECT format('%I.%I', s.schemaname, s.relname) AS name \
    FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid \
    WHERE s.last_analyze IS NULL AND s.last_autoanalyze IS NULL AND s.n_live_tup > 50 \
    AND s.schemaname = current_schema() AND pg_has_role(c.relowner, 'USAGE')";

/// Makes the server look at tables that it has never looked at.
///
/// # Errors
/// Errors of the database.
pub(crate) async fn analyze_unknown(c: &mut Conn) -> JobResult<()> {
    let unknown: Vec<Table> = diesel::sql_query(UNKNOWN).load(c).await?;
    for table in unknown {
        // A pod that does the same at the same moment is not waited for.
        c.batch_execute(&format!("ANALYZE (SKIP_LOCKED) {}", table.name)).await?;
    }
    Ok(())
}
