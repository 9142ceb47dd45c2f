//! Tests of SQLite's migrations, forward and back.

use std::path::Path;

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite/ns");

#[derive(QueryableByName)]
pub(crate) struct Text {
    #[diesel(sql_type = sql_types::Text)]
    pub(crate) text: String,
}

fn texts(c: &mut SqliteConnection, query: &str) -> Vec<String> {
    sql_query(query).load::<Text>(c).unwrap().into_iter().map(|t| t.text).collect()
}

fn schema(c: &mut SqliteConnection) -> Vec<String> {
    texts(
        c,
        "SELECT sql AS text FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '__diesel%' AND name \
            NOT LIKE 'sqlite_%' ORDER BY name",
    )
}

fn connect(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(&path.to_string_lossy()).unwrap()
}

#[test]
fn going_back_leaves_nothing_and_going_forward_again_gives_the_same_schema() {
    let dir = tempfile::tempdir().unwrap();
    let mut c = connect(&dir.path().join("ns.db"));
    c.run_pending_migrations(MIGRATIONS).unwrap();
    let there = schema(&mut c);
    assert!(there.len() > 10, "{there:?}");
    c.revert_all_migrations(MIGRATIONS).unwrap();
    assert_eq!(schema(&mut c), Vec::<String>::new());
    c.run_pending_migrations(MIGRATIONS).unwrap();
    assert_eq!(schema(&mut c), there);
}
