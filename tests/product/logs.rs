//! Logs never stop the service, whatever becomes of standard error.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::Command as Program,
};

use countersign_testkit::{Launch, Private};
use serde_json::Value;

use super::outages::until_ready;
use crate::support::{Pod, Shares, log_in};

/// A pod that logs all it can, to `stderr`.
fn talkative(dir: &Path, stderr: impl Into<std::os::fd::OwnedFd>) -> Pod {
    Launch::default()
        .stderr(stderr)
        .env(&[("COUNTERSIGN_LOG_LEVEL", "trace"), ("COUNTERSIGN_LOG_ACCESS", "true")])
        .on(&dir.join("data"))
        .unwrap_or_else(|why| panic!("{why}"))
}

/// The number of lines that the pod says it has lost.
async fn lost(pod: &Pod) -> u64 {
    const NAME: &str = "countersign_log_lines_lost_total{service=\"ns\"} ";
    let (_, metrics) = pod.admin("/metrics").await;
    metrics.lines().find_map(|line| line.strip_prefix(NAME)).unwrap().parse().unwrap()
}

/// Asks until the pod has lost lines.
async fn until_lost(pod: &Pod) {
    for _ in 0..20_000 {
        assert_eq!(pod.admin("/readyz").await.0, 200);
        if lost(pod).await > 0 {
            return;
        }
    }
    panic!("no line is lost");
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_stops_nothing_and_its_reader_learns_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut pod = talkative(dir.path(), writer);
    until_lost(&pod).await;
    log_in(&pod).await;
    // The reader is back.
    let reading = std::thread::spawn(move || {
        BufReader::new(reader)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.contains("lines of the log were lost"))
    });
    let told: Value = serde_json::from_str(&reading.join().unwrap().expect("it is told")).unwrap();
    assert_eq!(told["level"], "WARN", "{told}");
    pod.signal("TERM");
    assert!(pod.ended().await.success());
}

#[tokio::test]
async fn a_pipe_that_nobody_ever_reads_keeps_no_pod_from_ending() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut pod = talkative(dir.path(), writer);
    until_lost(&pod).await;
    pod.signal("TERM");
    assert!(pod.ended().await.success());
    drop(reader);
}

#[tokio::test]
async fn a_disk_without_room_for_logs_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut pod = talkative(dir.path(), full);
    log_in(&pod).await;
    assert!(lost(&pod).await > 0);
    pod.signal("TERM");
    assert!(pod.ended().await.success());
}

#[tokio::test]
async fn a_reader_that_is_gone_stops_nothing_not_even_when_redis_restarts() {
    let (Some(database), Some(mut redis)) = (countersign_testkit::postgres(), Private::redis(&[])) else {
        return;
    };
    let (reader, writer) = std::io::pipe().unwrap();
    let shares = Shares::with(&database.database(), &redis.database());
    let mut pod =
        shares.launch().stderr(writer).on(&shares.data("pod")).unwrap_or_else(|why| panic!("{why}"));
    drop(reader);
    log_in(&pod).await;
    redis.kill();
    assert_eq!(pod.admin("/readyz").await.0, 503);
    redis.restart();
    until_ready(&pod).await;
    crate::stories::everybody_learns_at_once(&pod).await;
    pod.signal("TERM");
    assert!(pod.ended().await.success());
}

#[tokio::test]
async fn a_closed_standard_error_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("closed");
    let program = countersign_testkit::program("countersign");
    std::fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\" 2>&-\n", program.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, mode).unwrap();
    let pod =
        Launch::default().program(&script).on(&dir.path().join("data")).unwrap_or_else(|why| panic!("{why}"));
    log_in(&pod).await;
}

#[tokio::test]
async fn sighup_ends_no_pod_with_or_without_certificates() {
    let pod = Pod::start();
    pod.signal("HUP");
    pod.until_logged("no listener has a certificate to read again").await;
    assert_eq!(pod.admin("/readyz").await.0, 200);
}

#[test]
fn sighup_ends_no_pod_that_is_starting() {
    let dir = tempfile::tempdir().unwrap();
    // A database that accepts and says nothing keeps the start waiting.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://ns:secret@{}/ns", silent.local_addr().unwrap());
    let mut pod = Program::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["ns", "--ports", "auto", "--data"])
        .arg(dir.path().join("data"))
        .envs([("COUNTERSIGN_DATABASE_URL", url.as_str()), ("COUNTERSIGN_KV_URL", "redis://127.0.0.1:1")])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (connection, _) = silent.accept().unwrap();
    assert!(countersign_testkit::signal(pod.id(), "HUP"));
    drop((connection, silent));
    let status = pod.wait().unwrap();
    assert_eq!(status.code(), Some(1), "it ends because of the database: {status}");
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    for args in [
        &["--version"][..],
        &["--help"],
        &["completions", "bash"],
        &["init", "--data", data],
        &["api-key", "new", "--role", "root", "--name", "lost", "--data", data],
        &["api-key", "list", "--data", data],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let out = Program::new(env!("CARGO_BIN_EXE_countersign")).args(args).stdout(full).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.code() == Some(1) && said.contains("standard output"), "{args:?}: {said}");
    }
}

#[test]
fn why_a_pod_does_not_start_is_told_in_the_format_of_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    std::fs::write(&config, "[log]\nformat = \"json\"\n").unwrap();
    let data = dir.path().join("data");
    let in_file = ["--config", config.to_str().unwrap()];
    for (more, env) in [
        (&[][..], vec![("COUNTERSIGN_LOG_FORMAT", "json"), ("COUNTERSIGN_PHONE_WORKERS", "many")]),
        (&in_file, vec![("COUNTERSIGN_PHONE_WORKERS", "many")]),
        // After the log has started.
        (
            &in_file,
            vec![("COUNTERSIGN_LISTEN_REST", "192.0.2.1:1"), ("COUNTERSIGN_LISTEN_ALLOW_PLAINTEXT", "true")],
        ),
    ] {
        let mut run = Program::new(env!("CARGO_BIN_EXE_countersign"));
        let out = run.args(["all", "--data"]).arg(&data).args(more).envs(env).output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        let mut said = String::new();
        out.stderr.as_slice().read_to_string(&mut said).unwrap();
        let last: Value =
            serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|e| panic!("{e}: {said}"));
        assert_eq!((last["level"].as_str(), last["message"].is_string()), (Some("ERROR"), true), "{said}");
        assert!(last["timestamp"].is_string(), "{said}");
    }
}
