//! Tests that the three dialects make the same schema, and that `schema.rs` matches it.

use std::collections::BTreeSet;

use countersign_store::{
    migrate::{SchemaState, What, migrate},
    url::{DatabaseUrl, TlsOptions},
};
use countersign_store_ns::migrations;
use countersign_testkit::SharedServer;

use crate::support::{self, Place};

/// Lines of the form `table.column kind`, with `?` for what may be NULL, `table key columns`,
/// `table unique columns`, and `table index columns`.
type Schema = BTreeSet<String>;

/// A column in a form that is the same for all databases: table, column, type, and whether it may
/// be NULL.
fn column(table: &str, column: &str, kind: &str, null: bool) -> String {
    let kind = match kind.to_lowercase().as_str() {
        "blob" | "bytea" | "binary" | "varbinary" => "bytes",
        "text" | "varchar" | "mediumtext" => "text",
        "bigint" => "long",
        "integer" | "int" => "int",
        "boolean" | "bool" | "tinyint" => "bool",
        other => panic!("{table}.{column} has a type that is not known here: {other}"),
    };
    format!("{table}.{column} {kind}{}", if null { "?" } else { "" })
}

const SQLITE_COLUMNS: &str = "SELECT m.name || '|' || c.name || '|' || c.type || '|' || (c.\"notnull\" = 0) \
    AS text FROM sqlite_master m, pragma_table_xinfo(m.name) c \
    WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'";
const SQLITE_INDEXES: &str = "SELECT m.name || ' ' || CASE WHEN i.origin = 'pk' THEN 'key' WHEN \
    i.\"unique\" THEN 'unique' ELSE 'index' END || ' ' || \
    (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS \
    text \
    FROM sqlite_master m, pragma_index_list(m.name) i WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' \
    ESCAPE '\\' AND m.name NOT LIKE 'sqlite%'";
const SERVER_COLUMNS: &str = "SELECT CONCAT(table_name, '|', column_name, '|', DATA_TYPE, '|', CASE \
    is_nullable WHEN 'YES' THEN 1 ELSE 0 END) \
    FROM information_schema.columns WHERE table_schema = ";
const POSTGRES_INDEXES: &str = "SELECT t.relname || ' ' || CASE WHEN i.indisprimary THEN 'key' WHEN \
    i.indisunique THEN 'unique' ELSE 'index' END || ' ' || \
    (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) \
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) \
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace s ON s.oid = t.relnamespace \
    WHERE s.nspname = 'public'";
const MARIADB_INDEXES: &str = "SELECT CONCAT(table_name, ' ', CASE WHEN index_name = 'PRIMARY' THEN 'key' \
    WHEN non_unique = 0 THEN 'unique' ELSE 'index' END, ' ', \
    GROUP_CONCAT(column_name ORDER BY seq_in_index)) FROM information_schema.statistics WHERE table_schema \
    = DATABASE() GROUP BY table_name, index_name, non_unique";

fn gather<'a>(columns: impl Iterator<Item = &'a str>, indexes: impl Iterator<Item = &'a str>) -> Schema {
    let ours = |line: &&str| !line.starts_with("__diesel");
    let columns = columns.filter(ours).map(|line| {
        let [table, name, kind, null] = line.split('|').collect::<Vec<_>>().try_into().unwrap();
        column(table, name, if kind == "character varying" { "text" } else { kind }, null == "1")
    });
    columns.chain(indexes.filter(ours).map(str::to_owned)).collect()
}

fn of_sqlite(url: &DatabaseUrl) -> Schema {
    use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query};
    let DatabaseUrl::Sqlite(path) = url else { panic!("{url}") };
    let mut c = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    let mut texts = |query: &str| -> Vec<String> {
        sql_query(query)
            .load::<crate::migrations::Text>(&mut c)
            .unwrap()
            .into_iter()
            .map(|t| t.text)
            .collect()
    };
    let (columns, mut indexes) = (texts(SQLITE_COLUMNS), texts(SQLITE_INDEXES));
    // A table whose rows are stored in the order of its key has no index for it, so the key is read
    // from the table.
    indexes.extend(texts(
        "SELECT m.name || ' key ' || (SELECT group_concat(name, ',') FROM (SELECT name FROM \
            pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk)) AS text \
         FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name \
         NOT LIKE 'sqlite%'",
    ));
    gather(columns.iter().map(String::as_str), indexes.iter().map(String::as_str))
}

fn of_server(server: &SharedServer, url: &DatabaseUrl) -> Schema {
    let text = url.to_string();
    let name = text.rsplit('/').next().unwrap();
    let postgres = matches!(url, DatabaseUrl::Postgres(_));
    let columns =
        server.tell(name, &format!("{SERVER_COLUMNS}{}", if postgres { "'public'" } else { "DATABASE()" }));
    let indexes = server.tell(name, if postgres { POSTGRES_INDEXES } else { MARIADB_INDEXES });
    // Indexes that only serve a foreign key are left to the database.
    gather(columns.lines(), indexes.lines())
}

/// The schema in `schema.rs`, which the query body uses.
fn believed() -> Schema {
    let text = include_str!("../src/schema.rs");
    let mut found = Schema::new();
    for table in text.split("diesel::table! {").skip(1) {
        let (head, rest) = table.split_once('{').unwrap();
        let (name, key) = head.trim().trim_end_matches(')').split_once(" (").unwrap();
        found.insert(format!("{name} key {}", key.replace(' ', "")));
        for line in rest.split('}').next().unwrap().lines().filter(|l| l.contains("->")) {
            let (member, kind) = line.trim().trim_end_matches(',').split_once(" -> ").unwrap();
            let (kind, null) =
                kind.strip_prefix("Nullable<").map_or((kind, false), |k| (k.trim_end_matches('>'), true));
            let kind = if kind == "Binary" { "bytea" } else { kind };
            found.insert(column(name, member, kind, null));
        }
    }
    found
}

async fn migrated(place: &Place) -> SchemaState {
    migrate(&place.url, &TlsOptions::default(), migrations(), What::Run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_dialects_and_the_program_have_the_same_schema() {
    let sqlite = support::sqlite().unwrap();
    migrated(&sqlite).await;
    let wanted = of_sqlite(&sqlite.url);
    assert!(wanted.len() > 100, "{}", wanted.len());
    let told: Schema =
        wanted.iter().filter(|l| !l.contains(" index ") && !l.contains(" unique ")).cloned().collect();
    assert_eq!(
        believed().symmetric_difference(&told).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "schema.rs and SQLite"
    );
    for (server, place) in [
        (countersign_testkit::postgres(), support::postgres()),
        (countersign_testkit::mariadb(), support::mariadb()),
    ] {
        let (Some(server), Some(place)) = (server, place) else { continue };
        migrated(&place).await;
        let there = of_server(server, &place.url);
        assert_eq!(
            there.symmetric_difference(&wanted).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "{} and SQLite",
            place.url
        );
    }
}

/// Pods of one release start at the same time.
async fn of_five_starters_one_migrates_and_all_start(place: Place) {
    let starters = (0..5).map(|_| {
        let url = place.url.clone();
        tokio::spawn(
            async move { migrate(&url, &TlsOptions::default(), migrations(), What::Run).await.unwrap() },
        )
    });
    let mut ran = 0;
    for starter in starters.collect::<Vec<_>>() {
        let before = starter.await.unwrap();
        ran += usize::from(!before.pending.is_empty());
        assert_eq!(before.newer, Vec::<String>::new());
    }
    assert_eq!(ran, 1);
    let now = migrate(&place.url, &TlsOptions::default(), migrations(), What::Look).await.unwrap();
    assert_eq!(now, SchemaState::default());
}

async fn looking_changes_nothing(place: Place) {
    let look =
        || async { migrate(&place.url, &TlsOptions::default(), migrations(), What::Look).await.unwrap() };
    let first = look().await;
    assert!(!first.pending.is_empty());
    assert_eq!(look().await, first);
}

crate::support::everywhere!(of_five_starters_one_migrates_and_all_start, looking_changes_nothing);
