//! The data directory: under `all`, each service has a folder, and files that lay at the top before
//! are moved there.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Pod, Stage};

fn countersign(args: &[&str], data: &Path) -> (bool, String) {
    let out =
        Command::new(env!("CARGO_BIN_EXE_countersign")).args(args).arg("--data").arg(data).output().unwrap();
    (out.status.success(), String::from_utf8(out.stderr).unwrap() + &String::from_utf8(out.stdout).unwrap())
}

/// Makes a data directory as earlier releases of `all` left it, with an enrolled phone and a root
/// key.
async fn old(data: &Path) -> (Pod, Stage) {
    let pod = Pod::role("ns", data, &[], &[]);
    let stage = Stage::set(&pod).await;
    (pod, stage)
}

fn at_the_top(data: &Path) -> bool {
    ["master.key", "ns.sqlite", "ns.sqlite-wal", "ns.sqlite-shm"].iter().any(|name| data.join(name).exists())
}

#[tokio::test]
async fn what_an_earlier_release_left_moves_into_a_folder_wherever_the_move_was_stopped() {
    // Stops before the key, before the database, and after both.
    for step in [0, 3, 4] {
        let dir = tempfile::tempdir().unwrap();
        let (mut pod, stage) = old(dir.path()).await;
        let phone = stage.phone("alice").await;
        // The pod is killed, so that the newest data is in the write-ahead log beside the database.
        pod.signal("KILL");
        pod.ended().await;
        assert!(at_the_top(dir.path()) && dir.path().join("ns.sqlite-wal").exists());
        let (fine, _) =
            countersign(&["all", "--ports", "auto", "--die-at-step", &step.to_string()], dir.path());
        assert!(!fine, "it died at step {step}");
        if step == 3 {
            let (fine, said) = countersign(&["ns", "--ports", "auto"], dir.path());
            assert!(
                !fine && said.contains("master.key is missing"),
                "an earlier release refuses what is half moved: {said}"
            );
        }
        let again = Pod::on(dir.path(), &[], &[]);
        assert!(!at_the_top(dir.path()), "step {step}");
        assert!(dir.path().join("ns/ns.sqlite").exists() && dir.path().join("root-api-key").exists());
        let mut account = phone.account.clone();
        account.server.url = again.url("phone");
        let keys = std::sync::Arc::new(phone.keys.clone());
        let mut online = countersign_sim::Online::connect(&account, keys).await.unwrap();
        let stage = Stage::client_in(&again.root(), &stage.realm, "another").await;
        let login = stage.approved(&mut online).await;
        let identity = stage.api.redeem(&stage.realm, &login.id, None).await.unwrap();
        assert_eq!(identity.user_id, "alice", "step {step}");
    }
}

#[tokio::test]
async fn tools_find_ns_in_its_folder_and_ns_alone_refuses_what_belongs_to_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut pod = Pod::on(dir.path(), &[], &[]);
    let (fine, said) = countersign(&["api-key", "list"], dir.path());
    assert!(fine && said.contains("never"), "{said}");
    pod.signal("TERM");
    pod.ended().await;
    let (fine, said) = countersign(&["migrate", "--check"], dir.path());
    assert!(fine && said.contains("up to date"), "{said}");
    let (fine, said) = countersign(&["init"], dir.path());
    assert!(fine && said.contains("stays") && !at_the_top(dir.path()), "{said}");
    let (fine, said) = countersign(&["ns", "--ports", "auto"], dir.path());
    assert!(!fine && said.contains("give --data") && !at_the_top(dir.path()), "{said}");
    let again = Pod::role("ns", &dir.path().join("ns"), &[], &[]);
    assert_eq!(again.admin("/readyz").await.0, 200);
    drop(again);
    fs::copy(dir.path().join("ns/ns.sqlite"), dir.path().join("ns.sqlite")).unwrap();
    let (fine, said) = countersign(&["all", "--ports", "auto"], dir.path());
    assert!(!fine && said.contains("are both there"), "{said}");
}

#[tokio::test]
async fn a_database_that_another_program_has_open_is_not_moved_from_under_it() {
    // For example a backup tool that is reading.
    const READER: &str = "import sqlite3, sys\n\
        c = sqlite3.connect(sys.argv[1])\n\
        c.execute('BEGIN')\n\
        c.execute('SELECT count(*) FROM realms').fetchone()\n\
        print('reading', flush=True)\n\
        sys.stdin.read()\n";
    let dir = tempfile::tempdir().unwrap();
    let (mut pod, _stage) = old(dir.path()).await;
    pod.signal("KILL");
    pod.ended().await;
    let mut python = Command::new("python3");
    python
        .args(["-c", READER])
        .arg(dir.path().join("ns.sqlite"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut reader = python.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(reader.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "reading\n");
    let (fine, said) = countersign(&["all", "--ports", "auto"], dir.path());
    assert!(!fine && said.contains("another program has it open"), "{said}");
    assert!(
        dir.path().join("ns.sqlite").exists() && dir.path().join("master.key").exists(),
        "nothing was moved"
    );
    drop(reader.stdin.take());
    reader.wait().unwrap();
    let again = Pod::on(dir.path(), &[], &[]);
    assert!(!at_the_top(dir.path()));
    assert_eq!(again.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn what_init_makes_is_used_by_all() {
    let dir = tempfile::tempdir().unwrap();
    assert!(countersign(&["init"], dir.path()).0);
    let key = fs::read(dir.path().join("root-api-key")).unwrap();
    let pod = Pod::on(dir.path(), &[], &[]);
    assert_eq!(fs::read(dir.path().join("root-api-key")).unwrap(), key);
    assert!(pod.root().realms().await.is_ok() && !at_the_top(dir.path()));
}

#[tokio::test]
async fn a_look_at_migrations_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (fine, said) = countersign(&["migrate", "--check"], &data);
    assert!(!fine && said.contains("ns: ") && said.contains("sfs: ") && !data.exists(), "{said}");
    // As an earlier release leaves it: NS's database alone, at the top.
    drop(old(&data).await);
    let before: Vec<_> = fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
    let (fine, said) = countersign(&["migrate", "--check"], &data);
    assert!(!fine && said.contains("ns: the database is up to date") && said.contains("sfs: "), "{said}");
    for entry in fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()) {
        let name = entry.to_string_lossy();
        // The embedded database is opened where there is one, and its lock is a file.
        assert!(before.contains(&entry) || name.contains(".migrate.lock"), "{name} was created");
    }
}

#[tokio::test]
async fn a_pod_of_the_tests_leaves_nothing_beside_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let mut pod = Pod::on(&dir.path().join("data"), &[], &[]);
    // A pod is told to be ready a moment before it logs so.
    pod.until_logged("\"ready\"").await;
    let again = pod.crash_and_restart();
    again.until_logged("\"ready\"").await;
    assert_eq!(again.log().matches("\"ready\"").count(), 1, "each process has a log of its own");
    drop((pod, again));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["data"]);
}
