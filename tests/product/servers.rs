//! Servers below the pods that cannot do their work, or let the pods do theirs.

use std::time::Duration;

use countersign_api::NewLogin;
use countersign_sdk::Refusal;
use countersign_sim::PhoneError;
use countersign_testkit::{Pooler, Private, SharedServer};
use tokio::time::{Instant, sleep};

use super::outages::until_ready;
use crate::support::{Page, Pod, Shares, Stage, claim, log_in, shared_databases};

/// Why the program does not start with these settings; one line.
fn refusal(env: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["all", "--ports", "auto", "--data"])
        .arg(dir.path().join("data"))
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.trim().lines().count() == 1 && !said.contains("secret"), "{said}");
    said
}

/// A pod on this database and this Redis, and the folder of its files.
fn pod_on(database: &str, redis: &str) -> (Shares, Pod) {
    let shares = Shares::with(database, redis);
    let pod = shares.pod("pod");
    (shares, pod)
}

/// Polls until readiness names this cause, because a pod does not announce it.
async fn until_unready(pod: &Pod, cause: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let (status, causes) = pod.admin("/readyz").await;
        if status == 503 && causes.contains(cause) {
            return;
        }
        assert!(Instant::now() < until, "{cause}: {causes}");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn redis_that_takes_no_writes_makes_a_pod_unready_until_it_does() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), Private::redis(&[])) else {
        return;
    };
    redis.tell("0", "ACL SETUSER ns on >secret ~* &* +@all");
    let url = redis.database().replace("redis://", "redis://ns:secret@");
    let (_shares, pod) = pod_on(&database.database(), &url);
    for (breaks, mends, cause) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0", "NOREPLICAS"),
        ("ACL SETUSER ns -@scripting", "ACL SETUSER ns +@all", "no permissions"),
        ("ACL SETUSER ns -@write", "ACL SETUSER ns +@all", "can't run this command"),
    ] {
        redis.tell("0", breaks);
        until_unready(&pod, cause).await;
        redis.tell("0", mends);
        until_ready(&pod).await;
    }
    log_in(&pod).await;
}

#[tokio::test]
async fn a_database_role_that_may_not_write_makes_a_pod_unready_until_it_may() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis())
    else {
        return;
    };
    let (url, kv) = (database.database(), redis.database());
    migrated(&url, &kv);
    let (name, rows) = (url.rsplit('/').next().unwrap(), role_for_rows(database, &url));
    let (_shares, pod) = pod_on(&rows, &kv);
    database.tell(name, &format!("REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM rows_{name}"));
    until_unready(&pod, "permission denied").await;
    database.tell(name, &format!("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO rows_{name}"));
    until_ready(&pod).await;
    log_in(&pod).await;
}

/// Migrates as the owner of the database.
fn migrated(database: &str, redis: &str) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["migrate", "--role", "ns"])
        .env("COUNTERSIGN_DATABASE_URL", database)
        .env("COUNTERSIGN_KV_URL", redis)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Makes a role that may only read and write rows of this database; returns its URL.
fn role_for_rows(server: &SharedServer, url: &str) -> String {
    let name = url.rsplit('/').next().unwrap();
    let role = format!("rows_{name}");
    if url.starts_with("postgres") {
        server.tell(name, &format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'"));
        for grant in [
            "USAGE ON SCHEMA public",
            "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public",
            "USAGE ON ALL SEQUENCES IN SCHEMA public",
        ] {
            server.tell(name, &format!("GRANT {grant} TO {role}"));
        }
    } else {
        server.tell(name, &format!("CREATE USER {role}@'%' IDENTIFIED BY 'secret'"));
        server.tell(name, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO {role}@'%'"));
    }
    url.replace("ns:secret", &format!("{role}:secret"))
}

#[tokio::test]
async fn a_role_that_may_only_read_and_write_rows_runs_a_pod_after_the_owner_has_migrated() {
    for server in shared_databases() {
        let Some(redis) = countersign_testkit::redis() else { return };
        let url = server.database();
        migrated(&url, &redis.database());
        let rows = role_for_rows(server, &url);
        let (_shares, pod) = pod_on(&rows, &redis.database());
        log_in(&pod).await;
        // Nobody has migrated this one, and the role cannot.
        let empty = server.database();
        let rows = role_for_rows(server, &empty);
        let kv = redis.database();
        let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &rows), ("COUNTERSIGN_KV_URL", &kv)]);
        assert!(said.contains("countersign migrate"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_user_is_told_of_without_the_user() {
    for server in shared_databases() {
        let Some(redis) = countersign_testkit::redis() else { return };
        let url = server.database().replace("ns:secret@", "QZX:secretQZX@");
        let kv = redis.database();
        let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &url), ("COUNTERSIGN_KV_URL", &kv)]);
        assert!(!said.contains("QZX") && said.contains('…'), "{said}");
    }
    let said = refusal(&[("COUNTERSIGN_KV_URL", "redis://QZX@127.0.0.1")]);
    assert!(!said.contains("QZX") && said.contains("without a password"), "{said}");
    let said = refusal(&[("COUNTERSIGN_KV_SENTINEL_PASSWORD", "QZX")]);
    assert!(!said.contains("QZX") && said.contains("kv.sentinel_password"), "{said}");
}

#[tokio::test]
async fn a_pooler_may_stand_in_between_if_it_keeps_sessions() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis())
    else {
        return;
    };
    let (Some(keeps), Some(mixes)) =
        (Pooler::start(database, "session"), Pooler::start(database, "transaction"))
    else {
        return;
    };
    let (url, kv) = (database.database(), redis.database());
    let through = mixes.before(&url, database);
    let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &through), ("COUNTERSIGN_KV_URL", &kv)]);
    assert!(said.contains("pool_mode = session"), "{said}");
    let (_shares, pod) = pod_on(&keeps.before(&url, database), &kv);
    log_in(&pod).await;
}

#[tokio::test]
async fn servers_that_cannot_carry_us_are_refused_with_what_to_change() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis())
    else {
        return;
    };
    let kv = redis.database();
    let url = database.database();
    let name = format!("latin_{}", url.rsplit('/').next().unwrap());
    database.tell(
        "postgres",
        &format!(
            "CREATE DATABASE {name} OWNER ns ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ),
    );
    let latin = url.replace(url.rsplit('/').next().unwrap(), &name);
    let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &latin), ("COUNTERSIGN_KV_URL", &kv)]);
    assert!(said.contains("ENCODING 'UTF8'"), "{said}");
    let Some(statements) = Private::mariadb_with(&["--log-bin", "--binlog-format=STATEMENT"]) else { return };
    let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &statements.database()), ("COUNTERSIGN_KV_URL", &kv)]);
    assert!(said.contains("binlog_format = ROW"), "{said}");
    let Some(engine) = Private::mariadb_with(&["--default-storage-engine=MyISAM"]) else { return };
    let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &engine.database()), ("COUNTERSIGN_KV_URL", &kv)]);
    assert!(said.contains("default_storage_engine = InnoDB"), "{said}");
}

#[tokio::test]
async fn of_several_hosts_the_primary_is_used() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis())
    else {
        return;
    };
    let url = database.database().replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:");
    let (_shares, pod) = pod_on(&url, &redis.database());
    log_in(&pod).await;
}

/// Lua that changes the user whom the only live login expects. It has no blanks, because they would
/// separate the words of the command.
const TAMPER: &str = "local\tkey=redis.call('KEYS','*login:*')[1]\nlocal\tbody=redis.call('HGET',key,'b')\n\
    redis.call('HSET',key,'b',(string.gsub(body,'alice','mallo')))\nreturn(string.find(body,'alice'))";

#[tokio::test]
async fn what_redis_was_made_to_say_of_a_login_is_not_believed() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), Private::redis(&[])) else {
        return;
    };
    let (_shares, pod) = pod_on(&database.database(), &redis.database());
    let stage = Stage::set(&pod).await;
    let mallory = stage.phone("mallo").await;
    let mut online = mallory.connect().await;
    let new = NewLogin { expected_user: Some("alice".into()), ..NewLogin::default() };
    let login = stage.api.create_login(&stage.realm, &new).await.unwrap();
    let mut page = Page::open(&login).await;
    let claimed = claim(&mut online, &page.qr().await).await;
    assert!(matches!(claimed, Err(PhoneError::Refused(Refusal::WrongUser))), "{claimed:?}");
    assert_ne!(redis.tell("0", &format!("EVAL {TAMPER} 0")).trim(), "", "there was something to change");
    let claimed = claim(&mut online, &page.qr().await).await;
    assert!(matches!(claimed, Err(PhoneError::Refused(Refusal::Unavailable))), "{claimed:?}");
    pod.until_logged("its MAC is wrong").await;
}

#[tokio::test]
async fn a_password_works_whatever_is_in_it_and_no_part_of_it_is_shown_when_redis_fails() {
    let (Some(database), Some(mut redis)) = (countersign_testkit::postgres(), Private::redis(&[])) else {
        return;
    };
    redis.tell("0", "ACL SETUSER ns on >QZX@a#b?c/d%e:fQZX ~* &* +@all");
    let url = redis.database().replace("redis://", "redis://ns:QZX%40a%23b%3Fc%2Fd%25e:fQZX@");
    let (_shares, pod) = pod_on(&database.database(), &url);
    log_in(&pod).await;
    redis.kill();
    until_unready(&pod, "Redis at redis://127.0.0.1").await;
    for path in ["/readyz", "/status.json", "/", "/metrics"] {
        let (_, text) = pod.admin(path).await;
        assert!(!text.contains("QZX"), "{path}: {text}");
    }
    assert!(!pod.log().contains("QZX"));
    for raw in
        ["redis://ns:QZX#aQZX@h", "redis://ns:QZX?aQZX@h", "redis://ns:QZX/aQZX@h", "redis://ns:QZX%aQZX@h"]
    {
        let said = refusal(&[("COUNTERSIGN_KV_URL", raw)]);
        assert!(!said.contains("QZX") && said.contains("COUNTERSIGN_KV_URL (kv.url)"), "{said}");
        let raw = raw.replace("redis://", "postgres://");
        let said = refusal(&[("COUNTERSIGN_DATABASE_URL", &raw)]);
        assert!(!said.contains("QZX") && said.contains("COUNTERSIGN_DATABASE_URL (database.url)"), "{said}");
    }
}
