//! The servers that several pods need fail and come back.

use std::time::Duration;

use countersign_api::{ApiError, LoginState};
use countersign_sdk::{Answer, Command};
use countersign_testkit::Private;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    stories,
    support::{Page, Pod, Shares, Stage, claim},
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn readiness(pod: &Pod) -> (u16, String) {
    let (status, body) = pod.admin("/readyz").await;
    (status, serde_json::from_str::<Value>(&body).unwrap()["causes"].to_string())
}

/// Polls readiness as a probe does, because a pod does not announce it.
pub(super) async fn until_ready(pod: &Pod) {
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, causes) = readiness(pod).await;
        if status == 200 {
            return;
        }
        assert!(Instant::now() < until, "{causes}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn without_redis_a_pod_lives_unready_and_says_why_and_recovers_by_itself() {
    let (Some(database), Some(mut redis)) = (countersign_testkit::postgres(), Private::redis(&[])) else {
        return;
    };
    let shares = Shares::with(&database.database(), &redis.database());
    let pod = shares.pod("pod");
    let stage = Stage::set(&pod).await;
    let alice = stage.phone("alice").await;
    let mut phone = alice.connect().await;
    let approved = stage.approved(&mut phone).await;
    redis.kill();
    assert_eq!(pod.admin("/livez").await.0, 200);
    let (status, causes) = readiness(&pod).await;
    assert!(status == 503 && causes.contains("live state: Redis at redis://127.0.0.1"), "{causes}");
    let refused = stage.api.create_login(&stage.realm, &countersign_api::NewLogin::default()).await;
    assert!(matches!(&refused, Err(ApiError::Refused(problem)) if problem.status == 503), "{refused:?}");
    // Acknowledged outcomes are in the database.
    assert_eq!(stage.look(&approved).await.state, LoginState::Approved);
    redis.restart();
    until_ready(&pod).await;
    drop(phone);
    stories::everybody_learns_at_once(&pod).await;
}

#[tokio::test]
async fn an_approval_that_meets_a_dead_database_is_repeated_and_has_one_outcome() {
    let (Some(mut database), Some(redis)) = (Private::postgres(), countersign_testkit::redis()) else {
        return;
    };
    let shares = Shares::with(&database.database(), &redis.database());
    let pods = [shares.pod("pod-0"), shares.pod("pod-1")];
    let stage = Stage::set(&pods[0]).await;
    let alice = stage.phone("alice").await;
    let mut phone = alice.connect().await;
    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    let prompt = claim(&mut phone, &page.qr().await).await.unwrap();
    database.kill();
    let approve = Command::approve(&prompt);
    let (status, causes) = readiness(&pods[0]).await;
    assert!(status == 503 && causes.contains("database: "), "{causes}");
    let lost = timeout(PATIENCE, phone.ask(&approve)).await.expect("an answer");
    assert!(
        !matches!(lost, Ok(Answer::Decided { .. })),
        "nothing is acknowledged that is not committed: {lost:?}"
    );
    database.restart();
    for pod in &pods {
        until_ready(pod).await;
    }
    // Sends the same decision, with the same id, to another pod.
    let server = countersign_sdk::AccountServer { url: pods[1].url("phone"), ..alice.account.server.clone() };
    let account = countersign_sdk::Account { server, ..alice.account.clone() };
    let mut phone =
        countersign_sim::Online::connect(&account, std::sync::Arc::new(alice.keys.clone())).await.unwrap();
    for _ in 0..2 {
        assert!(matches!(
            phone.do_it(&approve).await.unwrap(),
            Answer::Decided { state: countersign_sdk::LoginState::Approved, .. }
        ));
    }
    timeout(PATIENCE, page.until(LoginState::Approved)).await.expect("the page learns of it");
    assert_eq!(stage.api.redeem(&stage.realm, &login.id, None).await.unwrap().user_id, "alice");
}

#[tokio::test]
async fn a_pod_that_cannot_work_says_why_in_one_line_and_does_not_start() {
    let (Some(database), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis())
    else {
        return;
    };
    let Some(forgetful) = Private::redis(&["--maxmemory-policy", "allkeys-lru"]) else { return };
    let (url, kv) = (database.database(), redis.database());
    for (database, kv, says) in [
        (url.as_str(), "", "kv.url"),
        (&url.replace("secret", "wrong"), &kv, "password authentication failed"),
        ("postgres://ns:secret@127.0.0.1:1/ns", &kv, "refused"),
        ("oracle://ns:secret@127.0.0.1/ns", &kv, "database.url"),
        (&url, "redis://:secret@127.0.0.1:1", "Redis at redis://127.0.0.1:1"),
        (&url, "memcached://127.0.0.1", "redis://"),
        (&url, &forgetful.database(), "noeviction"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["all", "--ports", "auto", "--data"])
            .arg(dir.path().join("data"))
            .env("COUNTERSIGN_DATABASE_URL", database)
            .env("COUNTERSIGN_KV_URL", kv)
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.trim().lines().count() == 1, "{says}: {said}");
        assert!(!said.contains("secret") && !said.contains("wrong@"), "{said}");
    }
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_a_bug_or_damage_and_not_an_outage() {
    // The damage that a failing disk or a manual edit of the database may cause.
    const SPOIL: &str = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1], timeout=10)\n\
        c.execute('UPDATE accounts SET state = 99 WHERE user_id = ?', (sys.argv[2],))\n\
        c.commit()\n";
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (spoiled, whole) = (stage.phone("alice").await, stage.phone("bob").await);
    let python = std::process::Command::new("python3")
        .args(["-c", SPOIL])
        .arg(pod.data.join("ns/ns.sqlite"))
        .arg("alice")
        .status();
    assert!(python.unwrap().success());
    let id = spoiled.account.id.to_string();
    let Err(ApiError::Refused(problem)) = stage.root.account(&stage.realm, &id).await else {
        panic!("a problem")
    };
    assert_eq!((problem.status, problem.code.as_str(), problem.retry_after), (500, "internal", None));
    let said = problem.detail.unwrap_or_default();
    assert!(!said.contains("accounts") && !said.contains("state"), "{said}");
    pod.until_logged("a request met inconsistent data in storage").await;
    let log = pod.log();
    let line = log.lines().find(|l| l.contains("met inconsistent data in storage")).unwrap();
    assert!(
        line.contains(r#""level":"ERROR""#) && line.contains("of accounts cannot be read: state"),
        "{line}"
    );
    let other = stage.root.account(&stage.realm, &whole.account.id.to_string()).await.unwrap();
    assert_eq!(other.user_id, "bob");
    assert_eq!(pod.admin("/readyz").await.0, 200, "the database works");
}
