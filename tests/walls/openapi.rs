//! The REST API and its own description, checked by schemathesis and redocly.

use std::{collections::BTreeSet, path::PathBuf};

use countersign_api::{NewApiKey, PutRole};
use tokio::process::Command;

use crate::support::{Pod, Stage};

/// Operations that would end the keys with which the others are called.
const SELF_DESTRUCTIVE: [&str; 5] =
    ["deleteApiKey", "rotateApiKey", "rotateOwnApiKey", "deleteClient", "deleteRole"];
/// Operations that stream for as long as the caller reads.
const ENDLESS: [&str; 2] = ["streamEvents", "streamLogin"];
/// Operations that do not belong to a realm.
const GLOBAL: [&str; 5] =
    ["createRealm", "listGlobalRoles", "putGlobalRole", "deleteGlobalRole", "listGlobalEvents"];

fn tool(path: &str) -> PathBuf {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(path);
    assert!(path.exists(), "{} is missing: `make tools` installs it", path.display());
    path
}

/// Calls these operations, or all others, depending on `choice`; fails with what it found.
async fn judge(pod: &Pod, realm: &str, key: &str, choice: &str, operations: &[&str]) {
    let mut command = Command::new(tool("python/bin/schemathesis"));
    // Schemathesis stores its findings in its working directory and tries them first the next time.
    let nowhere = tempfile::tempdir().unwrap();
    command.current_dir(nowhere.path());
    command
        .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis.toml")])
        .env("REALM", realm);
    command.args(["run", &format!("{}/openapi.json", pod.url("rest")), "--no-color", "--seed", "1"]);
    command.args(["-H", &format!("Authorization: Bearer {key}")]);
    command.args(operations.iter().flat_map(|id| [choice, *id]));
    let out = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    assert!(!text.contains("Authentication failed"), "nothing was really asked:\n{text}");
}

/// Creates a key that may do everything in the realm of the stage, in the name of any client.
async fn key_of_everything(stage: &Stage) -> String {
    let permissions = crate::support::IN_A_REALM.to_vec();
    stage.root.put_role(&stage.realm, "everything", &PutRole { permissions }).await.unwrap();
    let new =
        NewApiKey { role: "everything".into(), realm: Some(stage.realm.clone()), ..NewApiKey::default() };
    stage.root.create_api_key(&new).await.unwrap().secret.unwrap().to_string()
}

#[tokio::test]
async fn schemathesis_finds_nothing_in_a_realm() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    stage.phone("alice").await;
    let key = key_of_everything(&stage).await;
    let others = [&SELF_DESTRUCTIVE[..], &ENDLESS, &GLOBAL].concat();
    judge(&pod, &stage.realm, &key, "--exclude-operation-id", &others).await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_in_what_is_everywhere_nor_in_what_ends_keys() {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    judge(&pod, &stage.realm, &pod.root_key(), "--include-operation-id", &GLOBAL).await;
    for operation in SELF_DESTRUCTIVE {
        let key = key_of_everything(&stage).await;
        judge(&pod, &stage.realm, &key, "--include-operation-id", &[operation]).await;
    }
}

#[tokio::test]
async fn redocly_finds_nothing_in_the_description() {
    let doc = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let out = Command::new(tool("node/node_modules/.bin/redocly"))
        .args(["lint", doc])
        .env("REDOCLY_TELEMETRY", "off")
        .output()
        .await
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    // Its own messages about Node.js do not concern us.
    assert!(
        out.status.success() && text.contains("Your API description is valid") && !text.contains("You have"),
        "{text}"
    );
}

#[tokio::test]
async fn the_description_is_served_and_every_operation_in_it_is_there() {
    let pod = Pod::start();
    let http = reqwest::Client::new();
    let doc: serde_json::Value =
        http.get(format!("{}/openapi.json", pod.url("rest"))).send().await.unwrap().json().await.unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in doc["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            ids.insert(operation["operationId"].as_str().unwrap().to_owned());
            let url = format!("{}{}", pod.url("rest"), path.replace(['{', '}'], "x"));
            let method = method.to_uppercase().parse().unwrap();
            let status = http.request(method, &url).send().await.unwrap().status();
            assert!(
                [401, 400, 415].contains(&status.as_u16()),
                "{path}: without a key nobody is answered, and nothing else is told: {status}"
            );
        }
    }
    for id in SELF_DESTRUCTIVE.iter().chain(&ENDLESS).chain(&GLOBAL) {
        assert!(ids.contains(*id), "there is no {id}");
    }
    for page in ["/docs", "/problems"] {
        let text = http.get(format!("{}{page}", pod.url("rest"))).send().await.unwrap().text().await.unwrap();
        assert!(text.starts_with("<!doctype html>") && text.contains("not_found"), "{page}");
    }
}
