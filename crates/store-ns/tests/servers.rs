//! Tests that errors of a database server are reported in one helpful line without the password.

use countersign_domain_ns::ports::Trail as _;
use countersign_store::{
    StoreError,
    migrate::{What, migrate},
    mysql,
    pool::SqlServer as _,
    url::{DatabaseUrl, TlsMode, TlsOptions},
};
use countersign_store_ns::{NsStore, migrations};
use countersign_testkit::SharedServer;
use diesel::{BoxableExpression, mysql::Mysql, sql_types::Bool};
use tokio::runtime::Handle;

async fn open(url: &str, tls: &TlsOptions) -> Result<NsStore, StoreError> {
    NsStore::open(&url.parse::<DatabaseUrl>().unwrap(), tls, 2, &Handle::current()).await
}

fn servers() -> impl Iterator<Item = &'static SharedServer> {
    [countersign_testkit::postgres(), countersign_testkit::mariadb()].into_iter().flatten()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_looks_at_tables_before_it_would_by_itself() {
    let Some(server) = countersign_testkit::postgres() else { return };
    let url = server.database();
    migrate(&url.parse().unwrap(), &TlsOptions::default(), migrations(), What::Run).await.unwrap();
    let name = url.rsplit('/').next().unwrap();
    let store = open(&url, &TlsOptions::default()).await.unwrap();
    server.tell(
        name,
        "INSERT INTO users (realm, user_id, created_at) \
            SELECT decode(repeat('01', 16), 'hex'), 'user' || n, n FROM generate_series(1, 1000) n",
    );
    // The server counts rows a moment after they were written.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let known = "SELECT COUNT(*) FROM pg_stats WHERE tablename = 'users' AND attname = 'user_id'";
    while server.tell(name, known).trim() != "1" {
        assert!(std::time::Instant::now() < until, "it knows nothing of its tables");
        store.tend().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let looked_at = "SELECT last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'users'";
    assert_eq!(server.tell(name, looked_at).trim(), "t", "by itself it would come after a minute");
}

async fn said(url: &str) -> String {
    match open(url, &TlsOptions::default()).await {
        Ok(_) => panic!("{url} opens"),
        Err(e) => {
            let said = e.to_string();
            assert!(!said.contains("secret") && !said.contains("wrong") && !said.contains('\n'), "{said}");
            said
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_a_missing_database_and_a_closed_port_are_told_apart() {
    for server in servers() {
        let url = server.database();
        let wrong = said(&url.replace("secret", "wrong")).await;
        assert!(
            wrong.contains("127.0.0.1")
                && (wrong.contains("password authentication failed") || wrong.contains("Access denied")),
            "{wrong}"
        );
        let missing = said(&format!("{url}_nowhere")).await;
        assert!(missing.contains("does not exist") || missing.contains("Unknown database"), "{missing}");
        let closed = said(&url.replace(&format!(":{}/", server.port), ":1/")).await;
        assert!(closed.contains("127.0.0.1:1") && closed.contains("refused"), "{closed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_verified_as_far_as_the_mode_says() {
    for server in servers() {
        let url = server.database();
        migrate(&url.parse().unwrap(), &TlsOptions::default(), migrations(), What::Run).await.unwrap();
        let tls = |mode, ca| TlsOptions { mode, ca, identity: None };
        let (ours, by_name) = (Some(server.ca.clone()), url.replace("127.0.0.1", "localhost"));
        let other = tempfile::tempdir().unwrap();
        let theirs = Some(countersign_testkit::Certificates::make(other.path()).file("ca.pem"));
        for url in [&url, &by_name] {
            open(url, &tls(TlsMode::Require, None)).await.map(drop).unwrap();
            open(url, &tls(TlsMode::VerifyFull, ours.clone())).await.map(drop).unwrap();
            open(url, &tls(TlsMode::VerifyCa, ours.clone())).await.map(drop).unwrap();
            for mode in [TlsMode::VerifyCa, TlsMode::VerifyFull] {
                let e = open(url, &tls(mode, theirs.clone())).await.map(drop).unwrap_err().to_string();
                assert!(e.to_lowercase().contains("certificate"), "{e}");
            }
        }
        // 127.0.0.2 is the same server, but its certificate does not contain that name.
        let alias = url.replace("127.0.0.1", "127.0.0.2");
        if std::net::TcpStream::connect(("127.0.0.2", server.port)).is_ok() {
            open(&alias, &tls(TlsMode::VerifyCa, ours.clone())).await.map(drop).unwrap();
            let e = open(&alias, &tls(TlsMode::VerifyFull, ours.clone()))
                .await
                .map(drop)
                .unwrap_err()
                .to_string();
            assert!(e.to_lowercase().contains("certificate"), "{e}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_shows_its_certificate_to_a_server_that_asks() {
    let dir = |server: &SharedServer| server.ca.parent().unwrap().to_owned();
    let tls = |server: &SharedServer, shown: bool| {
        let identity = shown.then(|| (dir(server).join("client.pem"), dir(server).join("client.key")));
        TlsOptions { mode: TlsMode::VerifyFull, ca: Some(server.ca.clone()), identity }
    };
    if let Some(server) = countersign_testkit::postgres() {
        let url = server.database();
        migrate(&url.parse().unwrap(), &TlsOptions::default(), migrations(), What::Run).await.unwrap();
        let name = url.rsplit('/').next().unwrap();
        let seen = "SELECT COUNT(*) > 0 FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE \
            s.client_dn LIKE '%a pod%' AND a.datname = ";
        let store = open(&url, &tls(server, true)).await.unwrap();
        countersign_ports::probe::Probe::ping(&store).await.unwrap();
        assert_eq!(server.tell("postgres", &format!("{seen}'{name}'")).trim(), "t");
    }
    if let Some(server) = countersign_testkit::mariadb() {
        let url = server.database();
        migrate(&url.parse().unwrap(), &TlsOptions::default(), migrations(), What::Run).await.unwrap();
        let name = url.rsplit('/').next().unwrap();
        server.tell(
            "mysql",
            &format!(
                "CREATE USER {name}@'%' IDENTIFIED BY 'secret' REQUIRE X509; GRANT \
            ALL ON {name}.* TO {name}@'%'"
            ),
        );
        let url = url.replace("ns:secret", &format!("{name}:secret"));
        assert!(open(&url, &tls(server, false)).await.is_err(), "without a certificate it is refused");
        open(&url, &tls(server, true)).await.map(drop).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_no_writes_is_refused() {
    let Some(server) = countersign_testkit::postgres() else { return };
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    server.tell("postgres", &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert!(said(&url).await.contains("takes no writes"));
}

diesel::table! {
    numbers (a) {
        a -> Integer,
        b -> Integer,
        c -> Integer,
        d -> Integer,
        e -> Integer,
        f -> Integer,
    }
}

/// Diesel caches the statements that a connection has prepared. Nothing below it may close them
/// meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_different_questions_a_connection_is_asked_the_first_can_be_asked_again() {
    use self::numbers::dsl as q;
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;
    let Some(server) = countersign_testkit::mariadb() else { return };
    let DatabaseUrl::Mysql(url) = server.database().parse().unwrap() else { panic!("it is MySQL") };
    let (mut conn, ()) = mysql::Conn::connect(&url, &TlsOptions::default()).await.unwrap();
    diesel::sql_query(
        "CREATE TEMPORARY TABLE numbers (a INT PRIMARY KEY, b INT, c INT, d INT, e INT, f INT)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    for n in (0..64).chain(0..64) {
        let mut query = q::numbers.select(q::a).into_boxed();
        for (nth, wanted) in
            [query_of(q::a), query_of(q::b), query_of(q::c), query_of(q::d), query_of(q::e), query_of(q::f)]
                .into_iter()
                .enumerate()
        {
            if n & (1 << nth) != 0 {
                query = query.filter(wanted);
            }
        }
        let found: Vec<i32> = query.load(&mut conn).await.unwrap_or_else(|why| panic!("question {n}: {why}"));
        assert!(found.is_empty());
    }
}

type Wanted = Box<dyn BoxableExpression<numbers::table, Mysql, SqlType = Bool>>;

fn query_of<C>(column: C) -> Wanted
where
    C: diesel::ExpressionMethods<SqlType = diesel::sql_types::Integer>,
    diesel::dsl::Eq<C, i32>: BoxableExpression<numbers::table, Mysql, SqlType = Bool> + 'static,
    i32: diesel::expression::AsExpression<diesel::sql_types::Integer>,
{
    Box::new(column.eq(1))
}
