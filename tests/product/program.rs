//! The program as its operator runs it.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use countersign_api::{Confirm, LoginState, NewLogin};
use serde_json::Value;

use crate::support::{Page, Pod, Stage, program};

fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(args).envs(env.iter().copied()).output().unwrap()
}

#[tokio::test]
async fn a_second_start_on_the_same_directory_is_refused_and_says_why() {
    let pod = Pod::start();
    let second = run(&["all", "--ports", "auto", "--data", pod.data.to_str().unwrap()], &[]);
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("another countersign uses") && text.contains("--data"), "{text}");
    assert_eq!(pod.admin("/livez").await.0, 200, "the first one did not notice");
}

#[tokio::test]
async fn the_root_key_is_private_and_no_secret_reaches_the_logs() {
    let pod = Pod::with(&[], &[("COUNTERSIGN_LOG_LEVEL", "trace")]);
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    let login = stage.approved(&mut phone.connect().await).await;
    let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
    for file in [
        "root-api-key",
        "ns/master.key",
        "ns/ns.sqlite",
        "ns/ns.sqlite-wal",
        "sfs/master.key",
        "sfs/sfs.sqlite",
    ] {
        let mode = std::fs::metadata(pod.data.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let enrolment = stage.new_enrolment("bob", Confirm::Number).await;
    let code = enrolment.link.unwrap().split('.').next_back().unwrap().to_owned();
    let log = pod.log();
    assert!(log.contains("answered"), "the log is there: {log}");
    let master = std::fs::read_to_string(pod.data.join("ns/master.key")).unwrap();
    for secret in [
        pod.root_key().as_str(),
        master.trim(),
        login.page_token.as_deref().unwrap(),
        code.as_str(),
        identity.decision.as_str(),
    ] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    assert!(!log.contains("alice"), "a user is in the log");
}

#[tokio::test]
async fn what_was_made_is_there_after_a_restart() {
    let mut pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let phone = stage.phone("alice").await;
    pod.signal("TERM");
    assert!(pod.ended().await.success());
    assert!(!pod.data.join("ready.json").exists(), "nobody is ready any more");
    for log in ["ns/ns.sqlite-wal", "sfs/sfs.sqlite-wal"] {
        let left = std::fs::metadata(pod.data.join(log)).map_or(0, |m| m.len());
        assert_eq!(left, 0, "{log} is in the database, so that the one file is a backup");
    }
    let again = Pod::on(&pod.data, &[], &[]);
    assert_eq!(again.root_key(), pod.root_key());
    let mut account = phone.account.clone();
    account.server.url = again.url("phone");
    let online =
        countersign_sim::Online::connect(&account, std::sync::Arc::new(phone.keys.clone())).await.unwrap();
    assert_eq!(online.realm_name, "Example Realm");
    drop(again);
}

#[tokio::test]
async fn another_master_key_is_refused_instead_of_used() {
    let mut pod = Pod::start();
    pod.signal("TERM");
    pod.ended().await;
    let key = pod.data.join("ns/master.key");
    let start = || {
        let out = run(&["all", "--ports", "auto", "--data", pod.data.to_str().unwrap()], &[]);
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    std::fs::remove_file(&key).unwrap();
    let (code, said) = start();
    assert!(
        code == Some(1) && said.contains("is missing") && !key.exists(),
        "none is made that would look like the right one: {said}"
    );
    countersign_testkit::secret_file(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let (code, said) = start();
    assert!(code == Some(1) && said.contains("another master key"), "{said}");
}

#[tokio::test]
async fn mistakes_in_settings_and_arguments_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    for (args, env, code, text) in [
        (vec!["al"], vec![], 2, "all"),
        (vec!["all"], vec![], 2, "--data"),
        (vec!["all", "--data", data, "--config", "/nowhere.toml"], vec![], 1, "/nowhere.toml"),
        (
            vec!["all", "--data", data],
            vec![("COUNTERSIGN_PHONE_HELO_MS", "1")],
            1,
            "COUNTERSIGN_PHONE_HELLO_MS",
        ),
        (vec!["all", "--data", data], vec![("COUNTERSIGN_LISTEN_REST", "0.0.0.0:0")], 1, "allow_plaintext"),
        (vec!["all", "--data", data], vec![("COUNTERSIGN_LOG_LEVEL", "=")], 1, "log.level"),
        (vec!["sfs", "--data", data, "--demo"], vec![], 1, "the demo is a client of NS"),
        (
            vec!["all", "--data", data],
            vec![
                ("COUNTERSIGN_DATABASE_URL", "sqlite:///x"),
                ("COUNTERSIGN_SFS_DATABASE_URL", "sqlite:///x"),
            ],
            1,
            "name the same database",
        ),
        (vec!["all", "--data", "/proc/nowhere"], vec![], 1, "/proc/nowhere"),
    ] {
        let out = run(&args, &env);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(text) && !said.contains("panicked"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn the_admin_port_tells_life_readiness_and_metrics() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let _online = stage.phone("alice").await.connect().await;
    assert_eq!(pod.admin("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(pod.admin("/readyz").await, (200, r#"{"ready":true,"causes":[]}"#.to_owned()));
    let (_, metrics) = pod.admin("/metrics").await;
    for line in [
        r#"countersign_phone_connections{service="ns"} 1"#,
        r#"countersign_phone_handshakes_total{result="ok",service="ns"} 2"#,
        r#"countersign_http_requests_total{class="2xx",service="ns"}"#,
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test]
async fn ns_runs_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pod = Pod::role("ns", dir.path(), &[], &[]);
    let ready = &pod.ready;
    assert_eq!((ready.role.as_str(), &ready.demo, &ready.realm), ("ns", &None, &None));
}

/// Runs the virtual phone; returns its exit code, its output as one JSON value per line, and its
/// errors.
async fn virtual_phone(state: &Path, args: Vec<String>) -> (i32, Vec<Value>, String) {
    let mut phone = tokio::process::Command::new(program("countersign-phone"));
    phone.arg("--state").arg(state).arg("--json").args(&args).stdin(std::process::Stdio::null());
    let out = phone.output().await.unwrap();
    let lines =
        String::from_utf8(out.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (out.status.code().unwrap(), lines, String::from_utf8(out.stderr).unwrap())
}

/// The virtual phone on the command line, from enrolment to logout, with its exit codes.
#[tokio::test]
async fn the_virtual_phone_enrols_logs_in_and_refuses_from_the_command_line() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let dir = tempfile::tempdir().unwrap();
    let phone = |args: Vec<String>| virtual_phone(dir.path(), args);
    let args = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();

    let enrolment = stage.new_enrolment("alice", Confirm::Number).await;
    let link = enrolment.link.as_deref().unwrap();
    let (exit, lines, _) = phone(args(&["enrol", link])).await;
    assert_eq!(
        (exit, lines[0]["user"].as_str(), lines[0]["client"].as_str()),
        (0, Some("alice"), Some("Example Shop"))
    );
    stage
        .api
        .confirm_enrolment(&stage.realm, &enrolment.id, lines[0]["number"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(phone(args(&["enrol", link])).await.0, 3, "the link is used up");

    let login = stage.new_login().await;
    let mut page = Page::open(&login).await;
    let (exit, lines, _) = phone(args(&["login", "--scanned", &page.qr().await])).await;
    assert_eq!(
        (exit, lines[0]["claimed"]["client"].as_str(), lines[1]["waiting"].as_str()),
        (0, Some("Example Shop"), Some(login.id.as_str()))
    );
    let (_, lines, _) = phone(args(&["pending"])).await;
    assert_eq!(
        (lines[0]["login"].as_str(), lines[0]["state"].as_str()),
        (Some(login.id.as_str()), Some("claimed"))
    );
    assert_eq!(phone(args(&["approve", &login.id])).await.0, 0);
    assert_eq!(stage.api.redeem(&stage.realm, &login.id, None).await.unwrap().user_id, "alice");
    let (exit, lines, _) = phone(args(&["logout"])).await;
    assert_eq!((exit, lines[0]["logged_out"].as_str()), (0, Some(login.id.as_str())));

    let refused = stage.new_login().await;
    let link = Page::open(&refused).await.link().await;
    phone(args(&["login", &link])).await;
    assert_eq!(phone(args(&["refuse", &refused.id, "--reason", "not_me"])).await.0, 0);
    assert_eq!(stage.look(&refused).await.reason.as_deref(), Some("not_me"));
    assert_eq!(phone(args(&["approve", &refused.id])).await.0, 2, "nothing waits any more");

    let wish = NewLogin { number_match: true, ..NewLogin::default() };
    let guarded = stage.api.create_login(&stage.realm, &wish).await.unwrap();
    let mut page = Page::open(&guarded).await;
    phone(args(&["login", "--scanned", &page.qr().await])).await;
    assert_eq!(phone(args(&["approve", &guarded.id])).await.0, 2, "there is one try, so it is not wasted");
    let shown = page.until(LoginState::Claimed).await["number"].as_str().unwrap().to_owned();
    let wrong = if shown == "00" { "01" } else { "00" };
    let (exit, lines, told) = phone(args(&["approve", &guarded.id, "--number", wrong])).await;
    assert_eq!((exit, lines[0]["state"].as_str()), (3, Some("refused")));
    assert!(told.contains("wrong_number"), "{told}");

    assert_eq!(phone(args(&["login", "nonsense"])).await.0, 2);
    assert_eq!(phone(args(&["login", "--qr", "/nowhere.png"])).await.0, 2);
    let late = stage.new_login().await;
    let qr = Page::open(&late).await.qr().await;
    assert_eq!(phone(args(&["login", &qr])).await.0, 2, "a code is not opened as a link");
    drop(pod);
    let (exit, _, said) = phone(args(&["login", "--scanned", &qr])).await;
    assert_eq!(exit, 4, "{said}");
}

#[tokio::test]
async fn a_watching_phone_serves_the_other_commands_without_being_displaced() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let dir = tempfile::tempdir().unwrap();
    let enrolment = stage.new_enrolment("alice", Confirm::None).await;
    let command = || {
        let mut c = tokio::process::Command::new(program("countersign-phone"));
        c.arg("--state").arg(dir.path()).arg("--json").stdin(std::process::Stdio::null()).kill_on_drop(true);
        c
    };
    assert!(
        command()
            .args(["enrol", enrolment.link.as_deref().unwrap()])
            .output()
            .await
            .unwrap()
            .status
            .success()
    );
    let mut watch = command().arg("watch").stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(first["event"], "connected");
    let login = stage.new_login().await;
    let qr = Page::open(&login).await.qr().await;
    assert!(command().args(["login", "--yes", "--scanned", &qr]).output().await.unwrap().status.success());
    stage.api.logout(&stage.realm, &login.id).await.unwrap();
    let told: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        (told["event"].as_str(), told["body"]["state"].as_str()),
        (Some("login"), Some("ended")),
        "it was never disconnected"
    );
}

#[test]
fn a_pod_opens_as_many_files_as_it_may_whatever_its_shell_begins_with() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("countersign");
    std::fs::write(
        &script,
        format!("#!/bin/sh\nulimit -Sn 256\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_countersign")),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let pod = countersign_testkit::Launch::default().program(&script).on(&dir.path().join("data")).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pod.pid())).unwrap();
    let files = limits.lines().find_map(|l| l.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|n| files.split_whitespace().nth(n).unwrap());
    assert!(soft == hard && soft != "256", "{files}");
}
