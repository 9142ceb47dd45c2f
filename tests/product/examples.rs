//! The examples, as a person who copies them runs them: a real pod, a virtual phone, and this test
//! in place of the browser.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use countersign_api::{Confirm, NewApiKey, NewClient, roles};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

use crate::support::{Page, Pod, Stage, in_ci, program};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Returns a tool that `make tools` installs below `target`.
fn tool(path: &str) -> Option<PathBuf> {
    let tool = Path::new(ROOT).join("target").join(path);
    if tool.exists() {
        return Some(tool);
    }
    assert!(!in_ci(), "{} is missing: `make tools` installs it", tool.display());
    eprintln!("skipped: no {path}; run `make tools`");
    None
}

fn example(path: &str) -> PathBuf {
    Path::new(ROOT).join("examples").join(path)
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// A phone on the command line with an active account of Alice.
struct Alice {
    state: TempDir,
}

impl Alice {
    async fn enrol(stage: &Stage) -> Self {
        let alice = Self { state: tempfile::tempdir().unwrap() };
        let enrolment = stage.new_enrolment("alice", Confirm::None).await;
        alice.does(&["enrol", enrolment.link.as_deref().unwrap()]).await;
        alice
    }

    /// Runs a command of the phone, and returns its output.
    async fn does(&self, args: &[&str]) -> String {
        let mut phone = Command::new(program("countersign-phone"));
        let out = phone
            .arg("--state")
            .arg(self.state.path())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", said(&out));
        String::from_utf8(out.stdout).unwrap()
    }
}

/// Runs an example until it ends, and returns its exit code and output. `approve` is whether Alice
/// approves the login.
async fn log_in(
    mut example: Command,
    stage: &Stage,
    rest: &str,
    key: &str,
    alice: &Alice,
    approve: bool,
) -> (Option<i32>, String) {
    example
        .env("COUNTERSIGN_REST", rest)
        .env("COUNTERSIGN_REALM", &stage.realm)
        .env("COUNTERSIGN_API_KEY", key);
    let mut example =
        example.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(example.stdout.take().unwrap()).lines();
    let mut complaints = example.stderr.take().unwrap();
    let mut text = String::new();
    match lines.next_line().await.unwrap() {
        Some(line) => {
            let given: Value = serde_json::from_str(&line).unwrap();
            let mut page = Page::dial(
                given["page_url"].as_str().unwrap(),
                given["page_token"].as_str().unwrap(),
                0,
                None,
            )
            .await;
            let qr = page.qr().await;
            if approve {
                alice.does(&["login", "--scanned", &qr, "--yes"]).await;
            } else {
                let waiting = alice.does(&["login", "--scanned", &qr]).await;
                alice.does(&["refuse", waiting.split_whitespace().next_back().unwrap()]).await;
            }
        }
        None => text.push_str("(nothing for the browser)\n"),
    }
    while let Some(line) = lines.next_line().await.unwrap() {
        text.push_str(&line);
        text.push('\n');
    }
    complaints.read_to_string(&mut text).await.unwrap();
    (example.wait().await.unwrap().code(), text)
}

/// Checks what every example has to do.
async fn holds(example: impl Fn() -> Command) {
    let pod = Pod::start();
    let stage = Stage::set(&pod).await;
    let (rest, key) = (pod.url("rest"), client_key(&stage).await);
    let alice = Alice::enrol(&stage).await;
    let (code, text) = log_in(example(), &stage, &rest, &key, &alice, true).await;
    assert!(code == Some(0) && text.starts_with("alice is logged in, by qr"), "{code:?} {text}");
    let (code, text) = log_in(example(), &stage, &rest, &key, &alice, false).await;
    assert!(
        code == Some(1) && text.contains("refused (declined)") && !text.contains("alice"),
        "{code:?} {text}"
    );
    let (code, text) = log_in(example(), &stage, &rest, "cs_nobody", &alice, true).await;
    assert!(code == Some(2) && text.contains("401 unauthorized"), "{code:?} {text}");
}

/// Creates a key of a client without origins, because this test's page has none.
async fn client_key(stage: &Stage) -> String {
    let client = NewClient { name: "example".into(), display_name: "Example".into(), ..Default::default() };
    let client = stage.root.create_client(&stage.realm, &client).await.unwrap();
    let key = NewApiKey {
        role: roles::REGISTRAR.into(),
        realm: Some(stage.realm.clone()),
        client: Some(client.id),
        ..Default::default()
    };
    stage.root.create_api_key(&key).await.unwrap().secret.unwrap().to_string()
}

#[tokio::test]
async fn the_python_example_says_who_logged_in_and_that_nobody_did() {
    let Some(python) = tool("python/bin/python") else { return };
    holds(|| {
        let mut command = Command::new(&python);
        command.arg("-I").arg(example("python/login.py"));
        command
    })
    .await;
}

#[tokio::test]
async fn the_typescript_example_compiles_and_says_who_logged_in_and_that_nobody_did() {
    let Some(modules) = tool("node/node_modules") else { return };
    let Some(tsc) = tool("node/node_modules/.bin/tsc") else { return };
    let dir = tempfile::tempdir().unwrap();
    for file in ["package.json", "tsconfig.json", "login.ts", "api.ts"] {
        std::fs::copy(example("typescript").join(file), dir.path().join(file)).unwrap();
    }
    symlink(modules, dir.path().join("node_modules")).unwrap();
    let built = Command::new(tsc).current_dir(dir.path()).output().await.unwrap();
    assert!(built.status.success(), "{}", said(&built));
    holds(|| {
        let mut command = Command::new("node");
        command.arg(dir.path().join("dist/login.js"));
        command
    })
    .await;
}

#[tokio::test]
async fn the_typescript_examples_types_are_those_of_the_description() {
    let Some(generator) = tool("node/node_modules/.bin/openapi-typescript") else { return };
    let out = Command::new(generator)
        .args(["../../docs/openapi.json", "-o", "api.ts", "--check"])
        .current_dir(example("typescript"))
        .output()
        .await
        .unwrap();
    assert!(out.status.success(), "run `npm run types` in examples/typescript:\n{}", said(&out));
}
