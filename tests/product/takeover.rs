//! The previous release: its SQL statements still work on this release's schema, and this release
//! takes over the data it left (`tests/last_release/README.md`).

use std::{
    path::{Path, PathBuf},
    process::Command as Program,
    sync::Arc,
};

use countersign_api::{ApiClient, Confirm, LoginState, NewApiKey, NewEnrolment, NewLogin, roles};
use countersign_sdk::{Account, AccountServer, Answer, Command, Wallet};
use countersign_sim::{FileKeys, Online};
use serde_json::Value;

use crate::support::{Pod, Shares, code};

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/last_release").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(recorded(name)).unwrap()
}

/// Returns the name of a database from its URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn every_statement_of_the_last_release_can_be_prepared_on_this_schema_of_postgresql() {
    let (Some(server), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis()) else {
        return;
    };
    let url = server.database();
    let _pod = Shares::with(&url, &redis.database()).pod("pod");
    let statements = read("statements.postgres.sql");
    assert!(statements.lines().count() > 60, "too few were recorded");
    let prepare: Vec<String> =
        statements.lines().enumerate().map(|(n, s)| format!("PREPARE s{n} AS {s};")).collect();
    server.tell(name(&url), &prepare.join("\n"));
    // Checks that preparing can fail: this column does not exist.
    let broken =
        std::panic::catch_unwind(|| server.tell(name(&url), "PREPARE x AS SELECT nothing FROM accounts;"));
    assert!(broken.is_err());
}

#[tokio::test]
async fn every_statement_of_the_last_release_can_be_prepared_on_this_schema_of_mariadb() {
    let (Some(server), Some(redis)) = (countersign_testkit::mariadb(), countersign_testkit::redis()) else {
        return;
    };
    let url = server.database();
    let _pod = Shares::with(&url, &redis.database()).pod("pod");
    let statements = read("statements.mysql.sql");
    assert!(statements.lines().count() > 60, "too few were recorded");
    let prepare = statements
        .lines()
        .map(|s| format!("PREPARE s FROM '{}';", s.replace('\\', "\\\\").replace('\'', "''")));
    server.tell(name(&url), &prepare.collect::<Vec<_>>().join("\n"));
    let broken = std::panic::catch_unwind(|| {
        server.tell(name(&url), "PREPARE s FROM 'SELECT nothing FROM accounts';")
    });
    assert!(broken.is_err());
}

/// Returns the steps in the timeline of a recorded login.
async fn steps(root: &ApiClient, login: &str) -> Vec<String> {
    root.timeline("recorded", login).await.unwrap().steps.into_iter().map(|s| s.step).collect()
}

/// Checks that the recorded phone logs in at a pod of this release, and that recorded data can be
/// read.
async fn goes_on(kind: &str, env: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    goes_on_in(kind, &data, env).await;
}

async fn goes_on_in(kind: &str, data: &Path, env: &[(&str, &str)]) {
    // Git keeps no permissions.
    let folder = tempfile::tempdir().unwrap();
    let master = folder.path().join("master.key");
    countersign_testkit::secret_file(&master, &read("master.key"));
    let env = [&[("COUNTERSIGN_KEYS_MASTER_KEY_FILE", master.to_str().unwrap())], env].concat();
    let keys: Value = serde_json::from_str(&read(&format!("keys.{kind}.json"))).unwrap();
    let listed = old_client_keys(data, &env);
    assert_eq!(listed.len(), 1, "the client's key is told of before anything is migrated");
    // The pod's clock is set to the day of the recording, so that recorded objects have not
    // expired.
    let pod = Pod::on(data, &["--clock", &keys["recorded_at"].to_string()], &env);
    let key = |name: &str| keys[name].as_str().unwrap().to_owned();
    let secret = key("root");
    let root = ApiClient::new(&pod.url("rest"), &secret).unwrap();
    assert_eq!(steps(&root, &key("login")).await, ["created", "claimed", "approved", "redeemed"]);
    assert!(root.api_keys().await.unwrap().items.len() >= 2);
    let api = root.with_key(&key("client"));
    let wallet: Wallet = serde_json::from_str(&read(&format!("phone.{kind}/wallet.json"))).unwrap();
    let keys = FileKeys::open(recorded(&format!("phone.{kind}")).join("keys")).unwrap();
    let account = wallet.accounts[0].clone();
    let account =
        Account { server: AccountServer { url: pod.url("phone"), ..account.server.clone() }, ..account };
    let mut phone = Online::connect(&account, Arc::new(keys)).await.unwrap();
    let login = api
        .create_login("recorded", &NewLogin { to_user: Some("alice".into()), ..NewLogin::default() })
        .await
        .unwrap();
    let Answer::Prompt(prompt) = phone.do_it(&Command::directed(login.id.parse().unwrap())).await.unwrap()
    else {
        panic!("a prompt")
    };
    phone.do_it(&Command::approve(&prompt)).await.unwrap();
    assert_eq!(api.login("recorded", &login.id, 10, 2).await.unwrap().state, LoginState::Approved);
    assert_eq!(api.redeem("recorded", &login.id, None).await.unwrap().user_id, "alice");
    authority(&pod, (&root, &secret), &api, &account.id, &listed).await;
    pod.later(9 * 3600).await;
    assert_eq!(
        api.login("recorded", &key("login"), 0, 0).await.unwrap().state,
        LoginState::Ended,
        "it lives for eight hours"
    );
    assert_eq!(steps(&root, &key("login")).await, ["created", "claimed", "approved", "redeemed", "ended"]);
}

/// Returns the keys that, by `migrate --check`, will lose permissions or have lost them.
fn old_client_keys(data: &Path, env: &[(&str, &str)]) -> Vec<String> {
    let mut command = Program::new(env!("CARGO_BIN_EXE_countersign"));
    let out = command
        .args(["migrate", "--check", "--json", "--data"])
        .arg(data)
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out.stderr)));
    told["old_client_keys"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Checks what was restricted since: the client's key has no power over users until it becomes a
/// registrar's, and a user who has a phone gets the next one only if it is confirmed.
async fn authority(
    pod: &Pod,
    (root, secret): (&ApiClient, &str),
    client: &ApiClient,
    phone: &str,
    listed: &[String],
) {
    let own = client.own_api_key().await.unwrap();
    assert_eq!(listed, [own.id.as_str()]);
    let origin = root.account("recorded", phone).await.unwrap().origin;
    assert_eq!(
        (origin.enrolled_client, origin.confirmed_by),
        (own.client.clone(), None),
        "as far as it is known"
    );
    let further = NewEnrolment::new("alice".into(), Confirm::None);
    assert_eq!(code(client.create_enrolment("recorded", &further).await), "forbidden");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("registrars.toml");
    let realm = root.realm("recorded").await.unwrap();
    let clients: Vec<String> = root.clients("recorded").await.unwrap().into_iter().map(|c| c.name).collect();
    let text = format!(
        "[[realm]]\nname = \"recorded\"\ndisplay_name = {:?}\nregistrars = {clients:?}\n",
        realm.display_name
    );
    std::fs::write(&file, text).unwrap();
    let key = dir.path().join("key");
    countersign_testkit::secret_file(&key, secret);
    // A key created since keeps the role that its creator gave it.
    let since = NewApiKey {
        role: roles::CLIENT.into(),
        realm: Some("recorded".into()),
        client: own.client,
        ..NewApiKey::default()
    };
    let since = root.create_api_key(&since).await.unwrap().id;
    let mut apply = Program::new(env!("CARGO_BIN_EXE_countersign"));
    let out = apply
        .arg("apply")
        .arg(&file)
        .args(["--url", &pod.url("rest"), "--key-file"])
        .arg(&key)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success() && said.contains("role: \"client\" → \"registrar\""),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert_eq!(code(client.create_enrolment("recorded", &further).await), "further_phone");
    let first = NewEnrolment::new("bob".into(), Confirm::None);
    client.create_enrolment("recorded", &first).await.expect("the same secret, and more power");
    assert_eq!(root.api_key(&since).await.unwrap().role, roles::CLIENT);
}

#[tokio::test]
async fn a_database_of_the_last_release_is_taken_over_on_postgresql() {
    let (Some(server), Some(redis)) = (countersign_testkit::postgres(), countersign_testkit::redis()) else {
        return;
    };
    let url = server.database();
    server.tell(name(&url), &read("database.postgres.sql"));
    goes_on(
        "postgres",
        &[
            ("COUNTERSIGN_DATABASE_URL", &url),
            ("COUNTERSIGN_KV_URL", &redis.database()),
            ("COUNTERSIGN_KV_PREFIX", name(&url)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_database_of_the_last_release_is_taken_over_on_mariadb() {
    let (Some(server), Some(redis)) = (countersign_testkit::mariadb(), countersign_testkit::redis()) else {
        return;
    };
    let url = server.database();
    server.tell(name(&url), &read("database.mysql.sql"));
    goes_on(
        "mysql",
        &[
            ("COUNTERSIGN_DATABASE_URL", &url),
            ("COUNTERSIGN_KV_URL", &redis.database()),
            ("COUNTERSIGN_KV_PREFIX", name(&url)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_database_of_the_last_release_is_taken_over_on_sqlite() {
    let Some(python) = crate::product::python::python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let restore = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
    let out = Program::new(python)
        .args(["-c", restore])
        .arg(data.join("ns.sqlite"))
        .arg(recorded("database.sqlite.sql"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    goes_on_in("sqlite", &data, &[]).await;
}
