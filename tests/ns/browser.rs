//! The demo in a real browser: what a newcomer sees in the first minutes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;

use crate::support::{Browser, Pod, program};

async fn phone(state: &Path, args: &[&str]) -> (i32, Vec<Value>) {
    let mut command = tokio::process::Command::new(program("countersign-phone"));
    let out = command
        .arg("--state")
        .arg(state)
        .arg("--json")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let lines = String::from_utf8(out.stdout).unwrap();
    (out.status.code().unwrap(), lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

/// Enrols with the link on the page, and types the phone's number into the page.
async fn enrol(browser: &Browser, state: &Path) {
    browser.write("#enrol-user", "alice").await;
    browser.click("#enrol-form button").await;
    let link = browser.until("document.querySelector('#enrol-link').textContent").await;
    let (exit, lines) = phone(state, &["enrol", link.as_str().unwrap()]).await;
    assert_eq!(exit, 0);
    browser.until("!document.querySelector('#confirm-form').hidden").await;
    browser.write("#confirm-number", lines[0]["number"].as_str().unwrap()).await;
    browser.click("#confirm-form button").await;
    browser.until("document.querySelector('#enrol-message').textContent.includes('is enrolled')").await;
}

/// Lets the phone read screenshots until it has read a code in time, because codes change every few
/// seconds.
async fn scan(browser: &Browser, state: &Path) {
    browser.click("#login-button").await;
    browser
        .until("document.querySelector('#login-element').shadowRoot?.querySelector('svg[part=qr] path[d]')")
        .await;
    let picture = state.with_file_name("screen.png");
    for _frame in 0..10 {
        browser.photograph(&picture).await;
        let (exit, lines) = phone(state, &["login", "--yes", "--qr", picture.to_str().unwrap()]).await;
        if exit == 0 {
            assert_eq!(lines[0]["claimed"]["client"], "Demo shop");
            return;
        }
    }
    panic!("the phone never read a code");
}

/// The demo, open in a browser, and a directory for a phone.
struct Open {
    browser: Browser,
    state: PathBuf,
    _dir: tempfile::TempDir,
    pod: Pod,
}

impl Open {
    /// Opens the demo. Returns `None` without a browser.
    async fn demo() -> Option<Self> {
        let browser = Browser::open().await?;
        let pod = Pod::with(&["--demo"], &[]);
        browser.go(&pod.url("demo")).await;
        let dir = tempfile::tempdir().unwrap();
        Some(Self { browser, state: dir.path().join("phone"), _dir: dir, pod })
    }
}

#[tokio::test]
async fn the_page_shows_a_code_the_phone_reads_it_and_the_page_turns_to_logged_in() {
    let Some(Open { browser, state, pod, _dir }) = Open::demo().await else { return };
    enrol(&browser, &state).await;
    scan(&browser, &state).await;
    let said = browser.until("document.querySelector('#logged-in')?.textContent").await;
    assert_eq!(said, "Logged in as alice");

    browser.go(&pod.url("demo")).await;
    assert_eq!(
        browser.until("document.querySelector('#logged-in')?.textContent").await,
        "Logged in as alice",
        "the shop remembers its browser session"
    );
    assert_eq!(phone(&state, &["logout"]).await.0, 0);
    browser.go(&pod.url("demo")).await;
    browser
        .until(
            "document.querySelector('#login-button').hidden === false && \
        !document.querySelector('#logged-in')",
        )
        .await;
}

#[tokio::test]
async fn a_refusal_on_the_phone_shows_on_the_page() {
    let Some(Open { browser, state, pod: _pod, _dir }) = Open::demo().await else { return };
    enrol(&browser, &state).await;
    browser.click("#login-button").await;
    let link = browser
        .until("document.querySelector('#login-element').shadowRoot?.querySelector('a[part~=link]')?.href")
        .await;
    let (exit, lines) = phone(&state, &["login", link.as_str().unwrap()]).await;
    assert_eq!(exit, 0);
    browser.until("document.querySelector('#login-element[state=claimed]') !== null").await;
    assert_eq!(
        phone(&state, &["refuse", lines[1]["waiting"].as_str().unwrap(), "--reason", "not_me"]).await.0,
        0
    );
    browser.until("document.querySelector('#login-element[state=refused]') !== null").await;
    assert_eq!(browser.eval("return document.querySelector('#logged-in')").await, Value::Null);
}

/// The `console` blocks of the README: each command's arguments, and the lines it prints.
fn transcript() -> Vec<(Vec<String>, Vec<String>)> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks =
        readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let command = |block: String| {
        let mut lines = block.lines().map(str::to_owned);
        let words = lines.next().unwrap();
        let words = words
            .strip_prefix("$ target/debug/countersign-phone --state phone ")
            .expect("the README's commands are the phone's");
        (words.split(' ').map(|w| w.trim_matches('\'').to_owned()).collect(), lines.collect())
    };
    blocks.map(command).collect()
}

/// Whether a line matches a pattern, in which `…` stands for any text.
fn fits(line: &str, pattern: &str) -> bool {
    match pattern.split_once('…') {
        Some((before, after)) => {
            line.len() >= before.len() + after.len() && line.starts_with(before) && line.ends_with(after)
        }
        None => line == pattern,
    }
}

/// Runs a command of the README with the argument `instead.0` replaced by `instead.1`, and checks
/// what it prints. Returns the output, or `None` if the command failed.
async fn as_written(
    state: &Path,
    (args, lines): &(Vec<String>, Vec<String>),
    instead: (&str, &str),
) -> Option<Vec<String>> {
    let args = args.iter().map(|a| if fits(a, instead.0) || a == instead.0 { instead.1 } else { a });
    let mut command = tokio::process::Command::new(program("countersign-phone"));
    let out = command.arg("--state").arg(state).args(args).stdin(Stdio::null()).output().await.unwrap();
    let said: Vec<String> = String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
    if !out.status.success() {
        return None;
    }
    assert!(
        said.len() == lines.len() && said.iter().zip(lines).all(|(line, pattern)| fits(line, pattern)),
        "the README says {lines:#?}, the phone {said:#?}"
    );
    Some(said)
}

#[tokio::test]
async fn the_transcript_in_the_readme_is_what_happens() {
    let [enrol, login, logout] = transcript().try_into().expect("three commands");
    let Some(Open { browser, state, pod: _pod, _dir }) = Open::demo().await else { return };
    let picture = state.with_file_name("screen.png");
    browser.write("#enrol-user", "alice").await;
    browser.click("#enrol-form button").await;
    let link = browser.until("document.querySelector('#enrol-link').textContent").await;
    let said =
        as_written(&state, &enrol, (&enrol.0[1], link.as_str().unwrap())).await.expect("the phone enrols");
    browser.until("!document.querySelector('#confirm-form').hidden").await;
    browser.write("#confirm-number", said[1].rsplit(' ').next().unwrap()).await;
    browser.click("#confirm-form button").await;
    browser.until("document.querySelector('#enrol-message').textContent.includes('is enrolled')").await;
    browser.click("#login-button").await;
    browser
        .until("document.querySelector('#login-element').shadowRoot?.querySelector('svg[part=qr] path[d]')")
        .await;
    let mut read = None;
    for _frame in 0..10 {
        browser.photograph(&picture).await;
        read = as_written(&state, &login, ("SCREENSHOT.png", picture.to_str().unwrap())).await;
        if read.is_some() {
            break;
        }
    }
    assert!(read.is_some(), "the phone never read a code");
    assert_eq!(
        browser.until("document.querySelector('#logged-in')?.textContent").await,
        "Logged in as alice"
    );
    as_written(&state, &logout, ("", "")).await.expect("the phone logs out");
}
