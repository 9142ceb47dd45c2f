//! What a pod does when the system has little left for it.

use std::{os::unix::fs::PermissionsExt, path::Path, time::Duration};

use countersign_api::{ApiClient, Confirm};
use countersign_sdk::{Close, Command, Refusal};
use countersign_sim::PhoneError;
use countersign_testkit::{Launch, Pod};
use tokio::{net::TcpStream, time::timeout};

use crate::support::{Page, Phone, Stage, claim};

/// A program that runs `countersign` under these limits of the shell.
fn limited(dir: &Path, limits: &str) -> std::path::PathBuf {
    let script = dir.join("limited");
    let program = countersign_testkit::program("countersign");
    std::fs::write(&script, format!("#!/bin/sh\nulimit {limits}\nexec {} \"$@\"\n", program.display()))
        .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    script
}

fn pod(dir: &Path, limits: &str) -> Result<Pod, String> {
    Launch::default().program(&limited(dir, limits)).on(&dir.join("data"))
}

/// The host:port of a URL.
fn place(url: &str) -> String {
    url.split("://").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn too_few_files_for_any_connection_are_refused_at_the_start() {
    for files in [40, 64, 127] {
        let dir = tempfile::tempdir().unwrap();
        let why = pod(dir.path(), &format!("-n {files}")).err().expect("it cannot work");
        assert!(
            why.contains("at least 128 are needed") || files == 40 && why.contains("open files"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_volume_without_room_is_named_with_the_file_that_does_not_fit() {
    // A file that may not grow is what a full volume is for SQLite.
    for blocks in [20, 200] {
        let dir = tempfile::tempdir().unwrap();
        let why = pod(dir.path(), &format!("-f {blocks}; trap '' XFSZ")).err().expect("it cannot work");
        let named = why.contains("ns.sqlite: ");
        assert!(named && why.contains("is there room on its volume?"), "{blocks}: {why}");
    }
}

#[tokio::test]
async fn idle_sockets_leave_files_for_probes_metrics_and_applications() {
    for files in [128, 200] {
        let dir = tempfile::tempdir().unwrap();
        let pod = pod(dir.path(), &format!("-n {files}")).unwrap_or_else(|why| panic!("{files}: {why}"));
        pod.until_logged("few files may be open").await;
        let mut held = Vec::new();
        for what in ["phone", "rest", "page"] {
            for _ in 0..150 {
                held.push(TcpStream::connect(place(&pod.url(what))).await.unwrap());
            }
        }
        for path in ["/livez", "/readyz", "/metrics"] {
            let answer = timeout(Duration::from_secs(20), pod.admin(path)).await;
            assert_eq!(
                answer.unwrap_or_else(|_| panic!("{files}: {path} starves")).0,
                200,
                "{files}: {path}"
            );
        }
        drop(held);
    }
}

/// How a phone fared.
enum Fared {
    Well,
    /// Something was out of reach.
    Poorly,
}

/// Enrols a phone and logs in with it.
///
/// # Panics
/// When the phone is told a verdict on its link, its key or its server, all of which are good.
async fn story(root: &ApiClient) -> Option<Fared> {
    let stage = Stage::under(root).await;
    let enrolment = stage.new_enrolment("alice", Confirm::None).await;
    let fared = async {
        let (phone, _) = Phone::enrol(enrolment.link.as_ref().unwrap()).await?;
        let mut online = phone.try_connect().await?;
        let login = stage.new_login().await;
        let prompt = claim(&mut online, &Page::open(&login).await.qr().await).await?;
        online.do_it(&Command::approve(&prompt)).await?;
        Ok::<_, PhoneError>(())
    };
    match fared.await {
        Ok(()) => Some(Fared::Well),
        Err(
            PhoneError::Unreachable(_)
            | PhoneError::Refused(Refusal::Unavailable)
            | PhoneError::Closed(Close::Busy | Close::Timeout),
        ) => Some(Fared::Poorly),
        Err(verdict) => {
            eprintln!("told as a verdict: {verdict:?}");
            None
        }
    }
}

#[tokio::test]
async fn a_pod_that_gets_no_threads_or_memory_ends_and_says_so_or_works_whole() {
    let (mut ended, mut whole) = (0, 0);
    for megabytes in [60, 120, 180, 240, 300, 400, 600, 900, 1400] {
        let dir = tempfile::tempdir().unwrap();
        let pod = match pod(dir.path(), &format!("-v {}", megabytes * 1024)) {
            Err(why) => {
                assert!(why.contains("ended with"), "{megabytes} MB: {why}");
                ended += 1;
                continue;
            }
            Ok(pod) => pod,
        };
        // What a pod without memory cannot do, it may refuse for now, or it ends and says why.
        let root = pod.root();
        let fared = tokio::spawn(async move { story(&root).await }).await;
        assert!(!matches!(fared, Ok(None)), "{megabytes} MB: a lack of ours is no verdict on a phone");
        whole += usize::from(matches!(fared, Ok(Some(Fared::Well))));
    }
    assert!(whole > 0, "with enough memory a pod works");
    assert!(ended > 0, "with so little memory none can start");
}
