//! Many phones: `countersign-swarm` against real pods.

use std::{path::Path, process::Output};

use serde_json::Value;

use crate::support::{Cluster, Pod, program, shared_databases};

async fn swarm(words: &[&str], data: &[&Path]) -> Output {
    let mut command = tokio::process::Command::new(program("countersign-swarm"));
    command.args(words);
    for dir in data {
        command.arg("--data").arg(dir);
    }
    command.output().await.unwrap()
}

/// Runs a scenario and returns its figures.
async fn figures(words: &[&str], data: &[&Path]) -> Value {
    let out = swarm(&[words, &["--json", "-", "--quiet"]].concat(), data).await;
    let (said, complaint) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(0), "{said}{complaint}");
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn every_scenario_does_what_it_says_on_one_pod() {
    let mut pod = Pod::start();
    let data = pod.data.clone();
    let idle = figures(&["idle", "--phones", "30", "--hold", "0"], &[&data]).await;
    assert_eq!((&idle["operations"], &idle["more"]["still_online"]), (&30.into(), &30.0.into()), "{idle}");
    let login = figures(&["login", "--phones", "10", "--operations", "25"], &[&data]).await;
    assert_eq!(login["operations"], 25, "{login}");
    assert!(
        login["pods"][0]["cpu_seconds"].as_f64().unwrap() > 0.0
            && login["latency_us"]["p50"].as_u64().unwrap() > 0,
        "{login}"
    );
    let notify = figures(&["notify", "--phones", "5", "--operations", "20", "--rate", "200"], &[&data]).await;
    assert_eq!(notify["operations"], 20, "{notify}");
    let back = figures(&["reconnect", "--phones", "20"], &[&data]).await;
    assert_eq!((&back["operations"], &back["more"]["back"]), (&20.into(), &20.0.into()), "{back}");
    let drain = figures(&["drain", "--phones", "20"], &[&data]).await;
    assert_eq!(drain["operations"], 20, "every phone was told goodbye: {drain}");
    assert!(pod.ended().await.success());
}

#[tokio::test]
async fn phones_of_a_pod_that_drains_come_back_at_the_others() {
    let Some(database) = shared_databases().next() else { return };
    let Some(cluster) = Cluster::start(database, 3) else { return };
    let data: Vec<&Path> = cluster.pods.iter().map(|p| p.data.as_path()).collect();
    let told = figures(&["notify", "--phones", "6", "--operations", "30"], &data).await;
    assert_eq!(told["operations"], 30, "{told}");
    let login = figures(&["login", "--phones", "6", "--operations", "12"], &data).await;
    assert_eq!(
        (login["operations"].as_u64(), login["pods"].as_array().map(Vec::len)),
        (Some(12), Some(3)),
        "{login}"
    );
    let drain = figures(&["drain", "--phones", "12"], &data).await;
    assert_eq!((&drain["operations"], &drain["more"]["back"]), (&12.into(), &12.0.into()), "{drain}");
}

#[tokio::test]
async fn a_report_is_one_page_with_pictures() {
    let (pod, dir) = (Pod::start(), tempfile::tempdir().unwrap());
    let report = dir.path().join("report.html");
    let out =
        swarm(&["idle", "--phones", "5", "--hold", "0", "--report", report.to_str().unwrap()], &[&pod.data])
            .await;
    let (said, progress) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert!(said.contains("bytes per session") && progress.contains(" online, "), "{said}\n{progress}");
    let html = std::fs::read_to_string(report).unwrap();
    assert!(
        html.contains("<svg") && html.contains("Memory") && !html.contains("src=") && !html.contains("href="),
        "it needs nothing else"
    );
}

#[tokio::test]
async fn what_it_cannot_do_it_says_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "no key of anybody").unwrap();
    let key = key.to_str().unwrap();
    let far =
        ["idle", "--rest", "https://ns.example", "--phone", "wss://ns.example/phone", "--key-file", key];
    let much = [
        "idle",
        "--phones",
        "100000000",
        "--rest",
        "http://127.0.0.1:1",
        "--phone",
        "ws://127.0.0.1:1/",
        "--key-file",
        key,
    ];
    for (words, data, says) in [
        (&far[..], None, "--anywhere"),
        (&much, None, "ulimit -n"),
        (&["idle"], Some(dir.path()), "is a pod running there?"),
    ] {
        let out = swarm(words, data.as_slice()).await;
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(
            out.status.code() == Some(1) && said.contains(says) && said.lines().count() == 1,
            "{says}: {said}"
        );
    }
}
