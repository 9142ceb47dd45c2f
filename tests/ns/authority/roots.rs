//! Root keys: the pod creates one by itself, once; every other one is created by someone with
//! access to the machine.

use std::process::Command;

use countersign_api::{ApiClient, NewApiKey, roles};
use serde_json::Value;

use crate::support::{Pod, code};

/// Runs `countersign api-key …` beside the pod; returns whether it succeeded, and its output.
fn api_key(pod: &Pod, what: &[&str], env: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.arg("api-key").args(what).arg("--data").arg(&pod.data).envs(env.iter().copied());
    let output = command.output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

async fn whoever_has_the_machine_makes_a_root_key(env: &[(&str, &str)]) {
    let pod = Pod::with(&[], env);
    let root = pod.root();
    root.delete_api_key(&root.own_api_key().await.unwrap().id).await.unwrap();
    assert_eq!(code(root.realms().await), "unauthorized");
    assert_eq!(api_key(&pod, &["list"], env), (true, "There is no root key.\n".to_owned()));
    // The pod keeps running meanwhile.
    let (made, secret) = api_key(&pod, &["new", "--role", "root", "--name", "break glass"], env);
    assert!(made, "{secret}");
    let back = ApiClient::new(&pod.url("rest"), secret.trim()).unwrap();
    back.realms().await.expect("it works at once");
    let (_, second) = api_key(&pod, &["new", "--role", "root", "--json"], env);
    let second: Value = serde_json::from_str(&second).unwrap();
    let (_, listed) = api_key(&pod, &["list", "--json"], env);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains("break glass")
            && listed.contains(second["id"].as_str().unwrap())
            && !listed.contains("cs_")
    );
    let told = back
        .global_events(&[("action", "api_key.created"), ("object", second["id"].as_str().unwrap())])
        .await
        .unwrap()
        .items;
    assert_eq!(
        told.iter().map(|e| (e.actor.as_str(), e.detail.as_deref())).collect::<Vec<_>>(),
        [("system", Some("root"))]
    );
    assert!(!api_key(&pod, &["new", "--role", "realm-admin"], env).0, "everything else is made by REST");
}

#[tokio::test]
async fn whoever_has_the_machine_makes_a_root_key_beside_a_running_pod_on_sqlite() {
    whoever_has_the_machine_makes_a_root_key(&[]).await;
}

#[tokio::test]
async fn whoever_has_the_machine_makes_a_root_key_beside_a_running_pod_on_postgres_and_mariadb() {
    let (Some(postgres), Some(mariadb), Some(redis)) =
        (countersign_testkit::postgres(), countersign_testkit::mariadb(), countersign_testkit::redis())
    else {
        return;
    };
    for url in [postgres.database(), mariadb.database()] {
        let kv = redis.database();
        whoever_has_the_machine_makes_a_root_key(&[
            ("COUNTERSIGN_DATABASE_URL", &url),
            ("COUNTERSIGN_KV_URL", &kv),
        ])
        .await;
    }
}

#[tokio::test]
async fn a_root_key_that_others_push_off_the_first_page_is_neither_forgotten_nor_made_again() {
    let mut pod = Pod::start();
    let root = pod.root();
    let new = NewApiKey { role: roles::VIEWER.into(), realm: Some("default".into()), ..NewApiKey::default() };
    for _ in 0..1010 {
        root.create_api_key(&new).await.unwrap();
    }
    let second =
        root.create_api_key(&NewApiKey { role: roles::ROOT.into(), ..NewApiKey::default() }).await.unwrap();
    let root = root.with_key(&second.secret.unwrap());
    root.delete_api_key(&pod.root().own_api_key().await.unwrap().id).await.unwrap();
    let old = pod.root_key();
    let again = pod.crash_and_restart();
    let root = root.at(&again.url("rest"));
    assert_eq!(code(root.with_key(&old).realms().await), "unauthorized");
    let keys = root.api_keys_of_role(roles::ROOT).await.unwrap();
    assert_eq!(keys.len(), 1, "and the list can be asked for root keys alone");
    again.until_logged("no longer works; remove the file").await;
}
